namespace Axpo.Core;

/// <summary>What a loss is divided by. The equations are those of verl 0.9.1's <c>agg_loss</c> and TRL 1.16's <c>_compute_loss</c>.</summary>
/// <param name="Mode">How token losses become one number.</param>
/// <param name="Rows">Rows that a mean over rows divides by; null: those with a loss token.</param>
/// <param name="Tokens">Tokens that a mean over tokens divides by; null: the loss tokens of the rows given.</param>
/// <param name="Length">Constant length of <see cref="LossAggregation.SeqMeanTokenSumNorm"/>.</param>
/// <param name="RowEpsilon">Added to a row's number of tokens in <see cref="LossAggregation.SeqMeanTokenMean"/>.</param>
/// <param name="Scale">Multiplies every weight: the number of workers whose gradients are averaged (verl's <c>dp_size</c>).</param>
public sealed record LossDivisors(LossAggregation Mode, double? Rows = null, double? Tokens = null, double Length = 1, double RowEpsilon = 0, double Scale = 1)
{
    /// <summary>The divisors of a run for a minibatch of so many questions.</summary>
    public static LossDivisors Of(RunConfiguration configuration, int questions)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        var objective = configuration.Objective;
        return new LossDivisors(
            objective.Aggregation,
            objective.Denominator == LossDenominator.Nominal ? questions * (double)configuration.Rollouts.GroupSize : null,
            null,
            objective.AggregationLength > 0 ? objective.AggregationLength : configuration.Rollouts.MaxTokens,
            objective.RowEpsilon);
    }
}

/// <summary>Weights of tokens in a loss: the loss is linear in its token losses, so an aggregation is a weight a row. Pure.</summary>
public static class LossWeights
{
    /// <summary>The weight of every loss token of each row; rows without one weigh 0, so a fully masked batch has loss 0.</summary>
    /// <param name="tokens">Loss tokens of each row [rows].</param>
    /// <param name="terms">Weight of each row's term [rows]; used by <see cref="LossAggregation.TermMean"/> only.</param>
    /// <param name="divisors">What divides.</param>
    /// <returns>[rows].</returns>
    public static double[] Of(IReadOnlyList<int> tokens, IReadOnlyList<double> terms, LossDivisors divisors)
    {
        ArgumentNullException.ThrowIfNull(tokens);
        ArgumentNullException.ThrowIfNull(terms);
        ArgumentNullException.ThrowIfNull(divisors);
        var rows = divisors.Rows ?? tokens.Count(n => n > 0);
        var all = divisors.Tokens ?? tokens.Sum(n => (double)n);
        return [.. tokens.Select((n, i) => n == 0 ? 0 : divisors.Scale * divisors.Mode switch
        {
            LossAggregation.TermMean => terms[i] / n,
            LossAggregation.TokenMean => 1 / all,
            LossAggregation.TokenSum => 1,
            LossAggregation.SeqMeanTokenMean => 1 / rows / (n + divisors.RowEpsilon),
            LossAggregation.SeqMeanTokenSum => 1 / rows,
            LossAggregation.SeqMeanTokenSumNorm => 1 / rows / divisors.Length,
            _ => throw new ArgumentOutOfRangeException(nameof(divisors), divisors.Mode, "unknown aggregation"),
        })];
    }
}
