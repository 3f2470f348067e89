namespace Axpo.Core;

/// <summary>Quantiles of a sample.</summary>
internal static class Quantiles
{
    /// <summary>Linear interpolation between order statistics.</summary>
    /// <param name="sorted">At least one value, in ascending order.</param>
    /// <param name="p">From 0 to 1.</param>
    public static double Of(double[] sorted, double p)
    {
        var at = p * (sorted.Length - 1);
        var below = (int)at;
        return below + 1 == sorted.Length ? sorted[below] : sorted[below] + ((at - below) * (sorted[below + 1] - sorted[below]));
    }
}
