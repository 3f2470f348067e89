namespace Axpo.Core;

/// <summary>
/// (x - mu) / sqrt(var + 1e-8) with mu and var over the loss tokens of a batch, var with ddof 1, both divided by n + 1e-8 (verl <c>masked_whiten</c>,
/// utils/torch_functional.py). Pure.
/// </summary>
public static class Whitening
{
    private const double Tiny = 1e-8;

    /// <summary>Whitens values.</summary>
    /// <param name="values">[rows][tokens].</param>
    /// <param name="mask">
    /// Tokens that mu and var are taken over; null: all. What is not finite elsewhere cannot reach them; tokens outside are moved and scaled all the same.
    /// </param>
    /// <returns>[rows][tokens]; all 0 where fewer than two tokens are in the mask, which have no deviation (verl refuses them).</returns>
    public static double[][] Of(IReadOnlyList<double[]> values, IReadOnlyList<bool[]>? mask = null)
    {
        ArgumentNullException.ThrowIfNull(values);
        double[] inside = [.. values.SelectMany((row, i) => row.Where((_, t) => mask is null || mask[i][t]))];
        double n = inside.Length;
        if (n < 2)
        {
            return [.. values.Select(row => new double[row.Length])];
        }

        var mean = inside.Sum() / (n + Tiny);
        var variance = inside.Sum(v => (v - mean) * (v - mean)) / (n + Tiny) * n / (n - 1);
        var scale = Math.Sqrt(variance + Tiny);
        return [.. values.Select(row => Array.ConvertAll(row, v => (v - mean) / scale))];
    }
}
