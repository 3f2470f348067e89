namespace Axpo.Core;

/// <summary>
/// A = r - group mean on every loss token, then <see cref="Whitening"/> over the loss tokens of the batch (REINFORCE++ with baseline, arXiv:2501.03262 3; verl
/// <c>compute_reinforce_plus_plus_baseline_outcome_advantage</c>). Long rollouts weigh more in the batch's mean, so a group without spread is 0 only before whitening.
/// </summary>
public sealed class ReinforcePlusPlusBaselineAdvantage : IAdvantageEstimator
{
    /// <inheritdoc/>
    public string Name => "reinforce++-baseline";

    /// <inheritdoc/>
    public double[][] Estimate(IReadOnlyList<ScoredRollout> rollouts, ObjectiveOptions options)
    {
        ArgumentNullException.ThrowIfNull(rollouts);
        ArgumentNullException.ThrowIfNull(options);
        return Whitening.Of(rollouts.OverTokens(rollouts.Centre(options.Singleton)));
    }
}
