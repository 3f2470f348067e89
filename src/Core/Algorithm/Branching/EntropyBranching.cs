namespace Axpo.Core;

/// <summary>
/// Branching after tool results (ARPO, arXiv:2507.19849 3.1). All paths of a group go on at once, tool result by tool result: wave w is about everybody's result w. A path that
/// goes on after it branches with probability clip(p + weight dH, 0, 1), as long as the group has fewer than N rollouts; dH is the change of its normalised entropy since its first turn.
/// </summary>
/// <param name="configuration">Probability, weight, beam, group size and seed.</param>
/// <param name="vocabularySize">Size of the vocabulary (V), at least 2.</param>
public sealed class EntropyBranching(RunConfiguration configuration, int vocabularySize) : IBranchingRule
{
    private readonly ChanceKey _chance = ChanceKey.Root(configuration.Seed).With("branching.entropy");
    private readonly double _unit = vocabularySize > 1
        ? Math.Log(vocabularySize)
        : throw new ArgumentOutOfRangeException(nameof(vocabularySize), vocabularySize, "a vocabulary of one token has no entropy");

    /// <inheritdoc/>
    public EpisodeId[]? Next(IReadOnlyList<RolloutSummary> group, int wave)
    {
        ArgumentNullException.ThrowIfNull(group);
        var turn = wave + 1;
        var free = configuration.Rollouts.GroupSize - group.Count;
        RolloutSummary[] active = [.. group.Where(r => r.Outcome != Outcome.Void && r.TurnEntropies.Length > turn)];
        if (free <= 0 || active.Length == 0)
        {
            return null;
        }

        var branches = new List<EpisodeId>();
        foreach (var path in active)
        {
            var probability = Probability(Change(path.TurnEntropies, turn, _unit), configuration.Branching);
            var chance = path.Id.FoldInto(_chance);
            var tries = Math.Min(configuration.Branching.Beam - 1, free - branches.Count);
            var hits = Enumerable.Range(0, Math.Max(0, tries)).Count(k => chance.Uniform((uint)turn, (uint)k) <= probability);
            branches.AddRange(Enumerable.Range(0, hits).Select(k => path.Id.Fork(new Branch(turn, k, BranchPoint.Turn))));
        }

        return [.. branches];
    }

    /// <summary>dH: normalised entropy at the beginning of a turn minus that of the first turn.</summary>
    /// <param name="entropies">Mean entropy of the first tokens of each turn of the path, in nats [turns].</param>
    /// <param name="turn">The turn.</param>
    /// <param name="unit">ln V, in nats.</param>
    /// <returns>In [-1, 1].</returns>
    public static double Change(IReadOnlyList<double> entropies, int turn, double unit)
    {
        ArgumentNullException.ThrowIfNull(entropies);
        return (entropies[turn] - entropies[0]) / unit;
    }

    /// <summary>Probability of a branch: clip(p + weight dH, 0, 1).</summary>
    public static double Probability(double change, BranchingOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        return Math.Clamp(options.Probability + (options.EntropyWeight * change), 0, 1);
    }
}
