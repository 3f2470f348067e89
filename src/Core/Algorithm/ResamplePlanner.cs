namespace Axpo.Core;

/// <summary>Trigger, ranking and budget of tool-call resampling (method.md, 1 to 4). Pure.</summary>
public static class ResamplePlanner
{
    /// <summary>Whether a question is triggered: the subgroup that the trigger looks at is non-empty and none of it is correct. Void rollouts do not count.</summary>
    public static bool IsTriggered(IReadOnlyList<RolloutSummary> group, ResampleTrigger trigger = ResampleTrigger.ToolUsing)
    {
        ArgumentNullException.ThrowIfNull(group);
        var members = group.Where(r => IsMember(r, trigger)).ToArray();
        return members.Length > 0 && members.All(r => r.Outcome == Outcome.Wrong);
    }

    /// <summary>Prefixes that the budget allows: floor(r*B*N/K + 1e-9), counting every question and rollout.</summary>
    public static int Budget(int questions, int groupSize, ResampleOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        return options.Enabled ? (int)Math.Floor((options.BudgetRatio * questions * groupSize / options.K) + 1e-9) : 0;
    }

    /// <summary>
    /// Every source of the triggered questions, breadth first: each question gets its first one before any gets its second. Inside a round the order is by ascending key,
    /// then place of the question; inside a question by ascending key, then rollout index. The key is the confidence, or the number drawn for the rollout.
    /// </summary>
    /// <param name="groups">Rollouts [questions][N].</param>
    /// <param name="options">Options.</param>
    /// <param name="rankKey">The number drawn for a rollout (<see cref="RankKeys"/>); needed by <see cref="ResampleRanking.Random"/>.</param>
    public static IReadOnlyList<ResampleSelection> Rank(IReadOnlyList<IReadOnlyList<RolloutSummary>> groups, ResampleOptions options, Func<EpisodeId, double>? rankKey = null)
    {
        ArgumentNullException.ThrowIfNull(groups);
        ArgumentNullException.ThrowIfNull(options);
        if (options.Ranking == ResampleRanking.Random)
        {
            ArgumentNullException.ThrowIfNull(rankKey);
        }

        return [.. Enumerable.Range(0, groups.Count).Where(q => IsTriggered(groups[q], options.Trigger)).SelectMany(OfQuestion).OrderBy(c => c.Round).ThenBy(Key).ThenBy(c => c.Question)];

        IEnumerable<ResampleSelection> OfQuestion(int q) => groups[q].Where(r => IsSource(r, options.Trigger)).Select(r => Candidate(q, r, groups[q], options))
            .OrderBy(Key).ThenBy(c => c.Source.Rollout).Select((c, i) => c with { Round = i + 1 });

        double Key(ResampleSelection candidate) => options.Ranking == ResampleRanking.Random ? rankKey!(candidate.Source) : candidate.Confidence;
    }

    /// <summary>The plan of a step: the first of <see cref="Rank"/>, as many as the budget allows, K continuations each.</summary>
    /// <param name="groups">Rollouts [questions][N].</param>
    /// <param name="groupSize">Rollouts a question (N), void ones counted.</param>
    /// <param name="options">Options.</param>
    /// <param name="rankKey">As for <see cref="Rank"/>.</param>
    public static ResamplePlan Plan(IReadOnlyList<IReadOnlyList<RolloutSummary>> groups, int groupSize, ResampleOptions options, Func<EpisodeId, double>? rankKey = null)
    {
        ArgumentNullException.ThrowIfNull(groups);
        var budget = Budget(groups.Count, groupSize, options);
        ResampleSelection[] chosen = budget == 0 ? [] : [.. Rank(groups, options, rankKey).Take(budget)];
        return new ResamplePlan([.. groups.Select(g => IsTriggered(g, options.Trigger))], budget, chosen);
    }

    private static bool IsMember(RolloutSummary rollout, ResampleTrigger trigger) =>
        rollout.Outcome != Outcome.Void && rollout.IsToolUsing == (trigger == ResampleTrigger.ToolUsing);

    /// <summary>A live member of the subgroup; without a call it can only be continued where it reached an answer.</summary>
    private static bool IsSource(RolloutSummary rollout, ResampleTrigger trigger) => IsMember(rollout, trigger) && (trigger == ResampleTrigger.ToolUsing || rollout.HasAnswer);

    private static ResampleSelection Candidate(int question, RolloutSummary source, IReadOnlyList<RolloutSummary> group, ResampleOptions options)
    {
        var boundary = options.Trigger == ResampleTrigger.ToolUsing ? Boundaries.CallOf(options.Boundary, source, group) : source.CallConfidences.Length;
        var confidence = boundary < source.CallConfidences.Length ? source.CallConfidences[boundary] : source.AnswerConfidence;
        return new ResampleSelection(question, source.Id, boundary, confidence, 0, options.K);
    }
}
