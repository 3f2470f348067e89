using System.ComponentModel.DataAnnotations;

namespace Axpo.Core;

/// <summary>How the rollouts of a group branch off one another.</summary>
public enum BranchingRule
{
    /// <summary>They do not: every rollout begins with the question.</summary>
    None,

    /// <summary>After tool results that leave the policy uncertain (ARPO, arXiv:2507.19849).</summary>
    Entropy,

    /// <summary>At random turns of each initial rollout's tree (Tree-GRPO, arXiv:2509.21240).</summary>
    Tree,
}

/// <summary>Rollouts of a training group that branch off one another before turns, docs/objectives.md. A branch is a rollout of its group as any other.</summary>
[GenerateSerializer, Immutable, Alias("axpo.BranchingOptions")]
public sealed record BranchingOptions
{
    /// <summary>How the rollouts of a group branch off one another.</summary>
    [Id(0)] public BranchingRule Rule { get; init; } = BranchingRule.None;

    /// <summary>Initial rollouts a question: ARPO's initial ones, Tree-GRPO's trees (M); 0 = half of <c>rollouts.groupSize</c>.</summary>
    [Id(1), Range(0, 1024)] public int Initial { get; init; }

    /// <summary><c>entropy</c>: probability that a path branches after a tool result that changes its entropy by nothing.</summary>
    [Id(2), Range(0.0, 1.0)] public double Probability { get; init; } = .5;

    /// <summary><c>entropy</c>: what the probability grows by per unit of entropy, in shares of ln V, above the path's first.</summary>
    [Id(3), Range(0.0, 1000.0)] public double EntropyWeight { get; init; } = .2;

    /// <summary><c>entropy</c>: paths that a path may become after one tool result, itself included.</summary>
    [Id(4), Range(2, 1024)] public int Beam { get; init; } = 2;

    /// <summary><c>tree</c>: turns expanded in each tree and round (N of Tree-GRPO).</summary>
    [Id(5), Range(1, 1024)] public int Expansions { get; init; } = 2;

    /// <summary><c>tree</c>: rounds of expansion (L).</summary>
    [Id(6), Range(1, 1024)] public int Rounds { get; init; } = 1;

    /// <summary>Rollouts of a group that begin with the question, before anything branches.</summary>
    /// <param name="groupSize">Rollouts a question.</param>
    /// <returns>At least 1, at most <paramref name="groupSize"/>.</returns>
    public int InitialOf(int groupSize) => Rule == BranchingRule.None ? groupSize : Math.Clamp(Initial == 0 ? groupSize / 2 : Initial, 1, groupSize);
}
