namespace Axpo.Core;

/// <summary>A mean difference with its interval.</summary>
/// <param name="Mean">Mean over seeds of the mean over their questions; NaN where no seed has a pair.</param>
/// <param name="Low">Lower end of the 95% interval.</param>
/// <param name="High">Upper end of the 95% interval.</param>
/// <param name="P">Two-sided p-value of a difference of 0.</param>
/// <param name="Seeds">Seeds that have a pair.</param>
/// <param name="Pairs">Questions that both sides have, over all seeds.</param>
public sealed record PairedDifference(double Mean, double Low, double High, double P, int Seeds, int Pairs);

/// <summary>
/// Paired bootstrap over seeds and questions: each resample draws seeds with replacement, and for each drawn seed its questions with replacement; both sides of a pair go together. Percentile interval. Pure.
/// </summary>
public static class HierarchicalBootstrap
{
    /// <summary>Resamples unless told otherwise.</summary>
    public const int Resamples = 10_000;

    /// <summary>Compares figures of the same questions of the same seeds.</summary>
    /// <param name="before">Figure of each question on the side that is subtracted [seeds][questions]; NaN where it has none.</param>
    /// <param name="after">Figure of the same questions on the other side [seeds][questions]; NaN where it has none.</param>
    /// <param name="key">Key of chance: equal keys give equal intervals.</param>
    /// <param name="resamples">Resamples drawn.</param>
    /// <returns>The difference after - before. Its p-value is twice the smaller of the shares of resamples at or below and at or above 0, at least 1 / resamples, at most 1. Seeds without any pair are left out.</returns>
    /// <exception cref="ArgumentException">The sides are not of equal shape.</exception>
    /// <exception cref="ArgumentOutOfRangeException">Resamples are not positive.</exception>
    public static PairedDifference Compare(IReadOnlyList<IReadOnlyList<double>> before, IReadOnlyList<IReadOnlyList<double>> after, ChanceKey key, int resamples = Resamples)
    {
        ArgumentNullException.ThrowIfNull(before);
        ArgumentNullException.ThrowIfNull(after);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(resamples);
        if (!before.Select(s => s.Count).SequenceEqual(after.Select(s => s.Count)))
        {
            throw new ArgumentException("a paired comparison needs the same seeds and, for each, the same questions on both sides", nameof(after));
        }

        double[][] seeds = [.. before.Zip(after, Differences).Where(d => d.Length > 0)];
        if (seeds.Length == 0)
        {
            return new PairedDifference(double.NaN, double.NaN, double.NaN, double.NaN, 0, 0);
        }

        var draws = new Draws(key);
        var means = new double[resamples];
        for (var r = 0; r < resamples; r++)
        {
            for (var s = 0; s < seeds.Length; s++)
            {
                var questions = seeds[draws.Next(seeds.Length)];
                var sum = 0.0;
                for (var q = 0; q < questions.Length; q++)
                {
                    sum += questions[draws.Next(questions.Length)];
                }

                means[r] += sum / questions.Length;
            }

            means[r] /= seeds.Length;
        }

        Array.Sort(means);
        var p = 2.0 * Math.Min(means.Count(m => m <= 0), means.Count(m => m >= 0)) / resamples;
        return new PairedDifference(
            seeds.Average(s => s.Average()), Quantiles.Of(means, .025), Quantiles.Of(means, .975), Math.Clamp(p, 1.0 / resamples, 1), seeds.Length, seeds.Sum(s => s.Length));
    }

    private static double[] Differences(IReadOnlyList<double> before, IReadOnlyList<double> after) => [.. before.Zip(after, (b, a) => a - b).Where(d => !double.IsNaN(d))];

    /// <summary>Whole numbers below a bound, four of each block of the generator.</summary>
    private sealed class Draws(ChanceKey key)
    {
        private readonly uint[] _words = new uint[4];
        private ulong _block;
        private int _left;

        public int Next(int bound)
        {
            if (_left == 0)
            {
                (_words[0], _words[1], _words[2], _words[3]) = Philox.Block((uint)_block, (uint)(_block >> 32), (uint)key.Hi, (uint)(key.Hi >> 32), (uint)key.Lo, (uint)(key.Lo >> 32));
                _block++;
                _left = 4;
            }

            return (int)(((ulong)_words[--_left] * (ulong)bound) >> 32);
        }
    }
}
