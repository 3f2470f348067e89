namespace Axpo.Core;

/// <summary>Paired bootstrap over questions (Efron's percentile interval): each resample draws questions with replacement, both figures of a question together. Pure.</summary>
public static class PairedBootstrap
{
    /// <summary>The mean gain over questions with its 95% interval.</summary>
    /// <param name="before">Figure of each question before [questions]; NaN where it has none.</param>
    /// <param name="after">Figure of the same questions after [questions]; NaN where it has none.</param>
    /// <param name="key">Key of chance: equal keys give equal intervals.</param>
    /// <param name="resamples">Resamples drawn.</param>
    /// <returns>Mean of after - before over the questions that have both, and the 2.5% and 97.5% quantiles of its resamples; all NaN where no question has both.</returns>
    /// <exception cref="ArgumentException">The lists are not of equal length.</exception>
    /// <exception cref="ArgumentOutOfRangeException">Resamples are not positive.</exception>
    public static (double Mean, double Low, double High) Gain(IReadOnlyList<double> before, IReadOnlyList<double> after, ChanceKey key, int resamples = 10_000)
    {
        ArgumentNullException.ThrowIfNull(before);
        ArgumentNullException.ThrowIfNull(after);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(resamples);
        if (before.Count != after.Count)
        {
            throw new ArgumentException($"{before.Count} questions before but {after.Count} after; a paired comparison needs the same questions", nameof(after));
        }

        double[] gains = [.. before.Zip(after, (b, a) => a - b).Where(d => !double.IsNaN(d))];
        if (gains.Length == 0)
        {
            return (double.NaN, double.NaN, double.NaN);
        }

        var chance = key.Stream();
        var means = new double[resamples];
        for (var r = 0; r < resamples; r++)
        {
            var sum = 0.0;
            for (var i = 0; i < gains.Length; i++)
            {
                sum += gains[chance.Next(gains.Length)];
            }

            means[r] = sum / gains.Length;
        }

        Array.Sort(means);
        return (gains.Average(), Quantiles.Of(means, .025), Quantiles.Of(means, .975));
    }
}
