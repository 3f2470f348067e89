namespace Axpo.Core;

/// <summary>A = B / max(1, #(r != 0)) (r - group mean), over the B rollouts of the batch (GPG, arXiv:2504.02546; verl <c>compute_gpg_outcome_advantage</c> with its <c>f_norm</c> at 1).</summary>
public sealed class GpgAdvantage : IAdvantageEstimator
{
    /// <inheritdoc/>
    public string Name => "gpg";

    /// <inheritdoc/>
    public double[][] Estimate(IReadOnlyList<ScoredRollout> rollouts, ObjectiveOptions options)
    {
        ArgumentNullException.ThrowIfNull(rollouts);
        ArgumentNullException.ThrowIfNull(options);
        var alpha = rollouts.Count / (double)Math.Max(1, rollouts.Count(r => r.Reward != 0));
        return rollouts.OverTokens([.. rollouts.Centre(options.Singleton).Select(c => alpha * c)]);
    }
}
