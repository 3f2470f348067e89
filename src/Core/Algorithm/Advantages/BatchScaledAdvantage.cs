namespace Axpo.Core;

/// <summary>A = (r - group mean) / (std of the batch's rewards + eps) (TRL <c>scale_rewards="batch"</c>, <c>_generate_and_score_completions</c>); a batch or group without spread gives exactly 0.</summary>
public sealed class BatchScaledAdvantage : IAdvantageEstimator
{
    /// <inheritdoc/>
    public string Name => "batch-scaled";

    /// <inheritdoc/>
    public double[][] Estimate(IReadOnlyList<ScoredRollout> rollouts, ObjectiveOptions options)
    {
        ArgumentNullException.ThrowIfNull(rollouts);
        ArgumentNullException.ThrowIfNull(options);
        double[] rewards = [.. rollouts.Select(r => r.Reward)];
        var scale = GroupStatistics.Deviation(rewards, options.Ddof) + options.Epsilon;
        var centred = rewards.Length > 1 && !GroupStatistics.HasSpread(rewards) ? new double[rewards.Length] : rollouts.Centre(options.Singleton);
        return rollouts.OverTokens(GroupStatistics.Scale(centred, scale));
    }
}
