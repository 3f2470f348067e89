namespace Axpo.Core;

/// <summary>
/// Dynamic sampling (DAPO, arXiv:2503.14476 (11)): a group whose live rollouts are all correct or all wrong teaches nothing, and its place in the batch is given to a fresh question. Pure.
/// </summary>
public static class DynamicSampling
{
    /// <summary>Whether a group has spread: a correct and a wrong rollout.</summary>
    public static bool HasSpread(IReadOnlyList<RolloutSummary> group)
    {
        ArgumentNullException.ThrowIfNull(group);
        return group.Any(r => r.Outcome == Outcome.Correct) && group.Any(r => r.Outcome == Outcome.Wrong);
    }

    /// <summary>Places of the groups without spread, in order.</summary>
    public static int[] WithoutSpread(IReadOnlyList<IReadOnlyList<RolloutSummary>> groups)
    {
        ArgumentNullException.ThrowIfNull(groups);
        return [.. Enumerable.Range(0, groups.Count).Where(q => !HasSpread(groups[q]))];
    }

    /// <summary>Questions that a step may need: B, and B more for every round.</summary>
    public static int Questions(RolloutOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        return options.Questions * (1 + options.DynamicSampling);
    }
}
