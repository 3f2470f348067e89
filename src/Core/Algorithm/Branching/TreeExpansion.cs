namespace Axpo.Core;

/// <summary>
/// Expansion of trees (Tree-GRPO, arXiv:2509.21240). Every initial rollout is a tree whose nodes are whole turns (thinking, call and observation); a wave is a round. In each round
/// N nodes of each tree are drawn with replacement, the root and all others that are no leaves alike, and a branch goes on after each to its end. A tree whose initial rollout is Void is not expanded.
/// </summary>
/// <param name="configuration">Trees, expansions, rounds and seed.</param>
public sealed class TreeExpansion(RunConfiguration configuration) : IBranchingRule
{
    private readonly ChanceKey _chance = ChanceKey.Root(configuration.Seed).With("branching.tree");

    /// <summary>Rollouts that the trees of a question come to: M (1 + N L).</summary>
    public static long Rollouts(int trees, BranchingOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        return trees * (1 + ((long)options.Expansions * options.Rounds));
    }

    /// <inheritdoc/>
    public EpisodeId[]? Next(IReadOnlyList<RolloutSummary> group, int wave)
    {
        ArgumentNullException.ThrowIfNull(group);
        if (wave >= configuration.Branching.Rounds)
        {
            return null;
        }

        var roots = group.Where(r => r.Id.Path.IsEmpty && r.Outcome != Outcome.Void);
        return [.. roots.SelectMany(root => Expand(root, group, wave)).Take(Math.Max(0, configuration.Rollouts.GroupSize - group.Count))];
    }

    private IEnumerable<EpisodeId> Expand(RolloutSummary root, IReadOnlyList<RolloutSummary> group, int round)
    {
        RolloutSummary[] tree = [.. group.Where(r => r.Id.Original == root.Id)];
        (EpisodeId Path, int Turn)[] nodes = [.. tree.Where(r => r.Outcome != Outcome.Void).SelectMany(Nodes)];
        var used = tree.Select(r => r.Id).ToHashSet();
        var draws = root.Id.FoldInto(_chance).With((ulong)round).Stream();
        for (var i = 0; i < configuration.Branching.Expansions && nodes.Length > 0; i++)
        {
            var (path, turn) = draws.Pick(nodes);
            yield return Enumerable.Range(0, int.MaxValue).Select(k => path.Fork(new Branch(turn, k, BranchPoint.Turn))).First(used.Add);
        }
    }

    /// <summary>What a rollout added to its tree, each node as the turn that would follow it: turn 0 follows the root; the last turn is a leaf.</summary>
    private static IEnumerable<(EpisodeId Path, int Turn)> Nodes(RolloutSummary rollout)
    {
        var first = rollout.Id.Path.IsEmpty ? 0 : rollout.Id.Path.Branches[^1].Boundary + 1;
        return Enumerable.Range(first, Math.Max(0, rollout.TurnEntropies.Length - first)).Select(turn => (rollout.Id, turn));
    }
}
