namespace Axpo.Core;

/// <summary>
/// A = r - mean over the group: the advantage half of Dr.GRPO (arXiv:2503.20783 3.2); the other half is <see cref="LossAggregation.SeqMeanTokenSumNorm"/>.
/// verl: <c>norm_adv_by_std_in_grpo=false</c>; TRL: <c>scale_rewards="none"</c>.
/// </summary>
public sealed class MeanOnlyAdvantage : GroupAdvantage
{
    /// <inheritdoc/>
    public override string Name => "mean-only";

    /// <inheritdoc/>
    public override double[] OfGroup(IReadOnlyList<double> rewards, IReadOnlyList<int> tokens, ObjectiveOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        return GroupStatistics.Centre(rewards, options.Singleton);
    }
}
