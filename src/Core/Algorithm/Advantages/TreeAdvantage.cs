namespace Axpo.Core;

/// <summary>
/// A = intra-tree + inter-tree (Tree-GRPO, arXiv:2509.21240): (r - mean) / (std + eps) over the rollout's tree, plus the same over all trees of its group. Either is exactly 0 without
/// spread; of a tree or group of one the singleton rule says what it is, "reward" being mean 0 and deviation 1.
/// </summary>
public sealed class TreeAdvantage : IAdvantageEstimator
{
    /// <inheritdoc/>
    public string Name => "tree";

    /// <inheritdoc/>
    public double[][] Estimate(IReadOnlyList<ScoredRollout> rollouts, ObjectiveOptions options)
    {
        ArgumentNullException.ThrowIfNull(rollouts);
        ArgumentNullException.ThrowIfNull(options);
        var (intra, inter) = (rollouts.By(r => (r.Group, r.Tree), Standardise), rollouts.ByGroup(Standardise));
        return rollouts.OverTokens([.. intra.Zip(inter, (a, b) => a + b)]);

        double[] Standardise(int[] members) => GroupStatistics.Standardise([.. members.Select(i => rollouts[i].Reward)], options.Ddof, options.Epsilon, options.Singleton);
    }
}
