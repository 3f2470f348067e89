namespace Axpo.Core;

/// <summary>A = r - sum(n r) / sum(n) over the group, n the loss tokens of a rollout: the baseline of least variance (OPO, arXiv:2505.23585 3.2; verl <c>compute_opo_outcome_advantage</c>).</summary>
public sealed class OpoAdvantage : GroupAdvantage
{
    /// <inheritdoc/>
    public override string Name => "opo";

    /// <inheritdoc/>
    public override double[] OfGroup(IReadOnlyList<double> rewards, IReadOnlyList<int> tokens, ObjectiveOptions options)
    {
        ArgumentNullException.ThrowIfNull(rewards);
        ArgumentNullException.ThrowIfNull(tokens);
        ArgumentNullException.ThrowIfNull(options);
        var length = tokens.Sum(n => (double)n);
        if (!GroupStatistics.HasSpread(rewards) || length == 0)
        {
            return GroupStatistics.Centre(rewards, options.Singleton);
        }

        var baseline = rewards.Zip(tokens, (r, n) => r * n).Sum() / length;
        return [.. rewards.Select(r => r - baseline)];
    }
}
