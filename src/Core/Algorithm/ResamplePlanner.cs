namespace Axpo.Core;

/// <summary>Trigger, ranking and budget of tool-call resampling (method.md, 1 to 4). Pure.</summary>
public static class ResamplePlanner
{
    /// <summary>Whether a question is triggered: its tool-using subgroup is non-empty and none of it is correct. Void rollouts do not count.</summary>
    public static bool IsTriggered(IReadOnlyList<RolloutSummary> group)
    {
        ArgumentNullException.ThrowIfNull(group);
        var users = group.Where(IsLiveUser).ToArray();
        return users.Length > 0 && users.All(r => r.Outcome == Outcome.Wrong);
    }

    /// <summary>Prefixes that the budget allows: floor(r*B*N/K + 1e-9), counting every question and rollout.</summary>
    public static int Budget(int questions, int groupSize, ResampleOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        return (int)Math.Floor((options.BudgetRatio * questions * groupSize / options.K) + 1e-9);
    }

    /// <summary>
    /// Picks prefixes breadth first: every triggered question gets its least confident source before any gets its second. Inside a round the order is ascending
    /// confidence, then question index; inside a question ascending confidence, then rollout index.
    /// </summary>
    /// <param name="groups">Rollouts [questions][N].</param>
    /// <param name="groupSize">Rollouts a question (N), void ones counted.</param>
    /// <param name="options">Options.</param>
    public static ResamplePlan Plan(IReadOnlyList<IReadOnlyList<RolloutSummary>> groups, int groupSize, ResampleOptions options)
    {
        ArgumentNullException.ThrowIfNull(groups);
        var budget = options.Enabled ? Budget(groups.Count, groupSize, options) : 0;
        bool[] triggered = [.. groups.Select(IsTriggered)];
        var ranked = Enumerable.Range(0, groups.Count).Where(q => triggered[q])
            .Select(q => groups[q].Where(IsLiveUser).Select(r => Candidate(q, r, options.Boundary)).OrderBy(c => c.Confidence).ThenBy(c => c.Source.Rollout).ToArray())
            .ToArray();
        var chosen = new List<ResampleSelection>();
        for (var round = 1; chosen.Count < budget && ranked.Any(r => r.Length >= round); round++)
        {
            chosen.AddRange(ranked.Where(r => r.Length >= round).Select(r => r[round - 1] with { Round = round })
                .OrderBy(c => c.Confidence).ThenBy(c => c.Question).Take(budget - chosen.Count));
        }

        return new ResamplePlan(triggered, budget, [.. chosen]);
    }

    private static bool IsLiveUser(RolloutSummary rollout) => rollout.IsToolUsing && rollout.Outcome != Outcome.Void;

    private static ResampleSelection Candidate(int question, RolloutSummary source, Boundary boundary)
    {
        var confidences = source.CallConfidences;
        var call = boundary switch
        {
            Boundary.First => 0,
            Boundary.LeastConfident => Array.IndexOf(confidences, confidences.Min()),
            Boundary.LastBeforeFailure => confidences.Length - 1,
            _ => throw new ArgumentOutOfRangeException(nameof(boundary), boundary, "resample.boundary: unknown; one of First, LeastConfident, LastBeforeFailure"),
        };
        return new ResampleSelection(question, source.Id, call, confidences[call], 0);
    }
}
