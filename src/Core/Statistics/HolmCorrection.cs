namespace Axpo.Core;

/// <summary>Holm's step-down correction for many comparisons (Scandinavian Journal of Statistics 6, 1979): the chance of any false finding in the family stays at the level.</summary>
public static class HolmCorrection
{
    /// <summary>Adjusted p-values.</summary>
    /// <param name="values">p-values of one family [comparisons]; NaN where there was nothing to compare, which counts for nothing.</param>
    /// <returns>For each the largest (m - rank + 1) p over its own and all smaller values, at most 1 [comparisons]; NaN stays NaN.</returns>
    public static double[] Adjust(IReadOnlyList<double> values)
    {
        ArgumentNullException.ThrowIfNull(values);
        int[] order = [.. Enumerable.Range(0, values.Count).Where(i => !double.IsNaN(values[i])).OrderBy(i => values[i])];
        double[] adjusted = [.. Enumerable.Repeat(double.NaN, values.Count)];
        var largest = 0.0;
        for (var rank = 0; rank < order.Length; rank++)
        {
            largest = Math.Max(largest, Math.Min(1, (order.Length - rank) * values[order[rank]]));
            adjusted[order[rank]] = largest;
        }

        return adjusted;
    }
}
