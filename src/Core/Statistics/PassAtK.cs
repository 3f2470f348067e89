namespace Axpo.Core;

/// <summary>The unbiased estimate of pass@k (Chen et al., arXiv:2107.03374, (1)).</summary>
public static class PassAtK
{
    /// <summary>The k that tables show, up to the number of samples.</summary>
    public static IReadOnlyList<int> Shown { get; } = [1, 2, 4, 8, 16];

    /// <summary>The probability that any of k samples drawn without replacement from n is correct: 1 - C(n - c, k) / C(n, k).</summary>
    /// <param name="samples">Samples of the question (n).</param>
    /// <param name="correct">Correct ones of them (c), from 0 to n.</param>
    /// <param name="k">Samples drawn, from 1 to n.</param>
    /// <returns>A probability in [0, 1].</returns>
    /// <exception cref="ArgumentOutOfRangeException">c is not in [0, n], or k not in [1, n].</exception>
    public static double Of(int samples, int correct, int k)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(correct);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(correct, samples);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(k);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(k, samples);
        var none = 1.0;
        for (var i = 0; i < k; i++)
        {
            none *= Math.Max(0, samples - correct - i) / (double)(samples - i);
        }

        return 1 - none;
    }
}
