namespace Axpo.Core;

/// <summary>The measures of method.md over groups of summaries. Void rollouts leave every rate; a rate without a denominator is null.</summary>
public static class StepMeasures
{
    /// <summary>Measures of a training step.</summary>
    /// <param name="groups">Rollouts of the batch [questions][N].</param>
    /// <param name="plan">What was resampled.</param>
    /// <param name="continuations">Continuations, or fresh rollouts in their place [selections][K].</param>
    /// <param name="replaced">Rollouts of the groups that dynamic sampling replaced [questions][N]; null: none.</param>
    public static RolloutMetrics Rollouts(
        IReadOnlyList<IReadOnlyList<RolloutSummary>> groups,
        ResamplePlan plan,
        IReadOnlyList<IReadOnlyList<RolloutSummary>> continuations,
        IReadOnlyList<IReadOnlyList<RolloutSummary>>? replaced = null)
    {
        ArgumentNullException.ThrowIfNull(groups);
        ArgumentNullException.ThrowIfNull(plan);
        ArgumentNullException.ThrowIfNull(continuations);
        IReadOnlyList<RolloutSummary>[] rolledOut = [.. groups, .. replaced ?? []];
        var all = rolledOut.SelectMany(g => g).ToArray();
        var live = Live(all);
        var forks = continuations.SelectMany(c => c).ToArray();
        var everything = all.Concat(forks).ToArray();

        // A prefix whose continuations are all void taught nothing: it is neither recovered nor not.
        var judged = Enumerable.Range(0, plan.Selections.Length).Where(m => continuations[m].Any(r => r.Outcome != Outcome.Void)).ToArray();
        var recovered = judged.Where(m => continuations[m].Any(r => r.Outcome == Outcome.Correct)).Select(m => plan.Selections[m].Question).ToArray();
        var recoveredGroups = recovered.Distinct().Count();
        var (mended, mendedNoTool) = (Mended(isToolUsing: true), Mended(isToolUsing: false));
        long extra = forks.Sum(r => (long)r.SampledTokens);
        var tokens = everything.Where(r => r.SampledTokens > 0 && !double.IsNaN(r.MeanEntropy)).ToArray();
        return new RolloutMetrics
        {
            Questions = rolledOut.Length,
            Rollouts = all.Length,
            Accuracy = Accuracy(live),
            ToolUse = Share(live, r => r.IsToolUsing),
            AccuracyTool = Accuracy([.. live.Where(r => r.IsToolUsing)]),
            AccuracyNoTool = Accuracy([.. live.Where(r => !r.IsToolUsing)]),
            AllWrongToolBefore = AllWrong(rolledOut, r => r.IsToolUsing, []),
            AllWrongToolAfter = AllWrong(rolledOut, r => r.IsToolUsing, mended),
            AllWrongNoTool = AllWrong(rolledOut, r => !r.IsToolUsing, []),
            AllWrongNoToolAfter = AllWrong(rolledOut, r => !r.IsToolUsing, mendedNoTool),
            Triggered = plan.Triggered.Count(t => t),
            Prefixes = plan.Selections.Length,
            Recovery = judged.Length == 0 ? null : recovered.Length / (double)judged.Length,
            ExtraTokens = extra,
            ExtraTokensPerRecovery = recoveredGroups == 0 ? null : extra / (double)recoveredGroups,
            VoidShare = everything.Length == 0 ? 0 : everything.Count(r => r.Outcome == Outcome.Void) / (double)everything.Length,
            SampledTokens = everything.Sum(r => (long)r.SampledTokens),
            Entropy = tokens.Length == 0 ? null : tokens.Sum(r => r.MeanEntropy * r.SampledTokens) / tokens.Sum(r => (double)r.SampledTokens),
            Turns = live.Length == 0 ? null : live.Average(r => r.Turns),
            Replaced = replaced?.Count ?? 0,
            WithoutSpread = DynamicSampling.WithoutSpread(groups).Length,
            Branches = all.Count(r => !r.Id.Path.IsEmpty),
            ToolFailures = everything.Count(r => r.End == EndReason.ToolFailed),
        };

        HashSet<int> Mended(bool isToolUsing) =>
            [.. judged.Where(m => continuations[m].Any(r => r.Outcome == Outcome.Correct && r.IsToolUsing == isToolUsing)).Select(m => plan.Selections[m].Question)];
    }

    /// <summary>Measures of a held-out evaluation.</summary>
    /// <param name="questions">Questions in the order of the draw.</param>
    /// <param name="groups">Samples [questions][samples].</param>
    public static EvaluationMetrics Evaluation(IReadOnlyList<Question> questions, IReadOnlyList<IReadOnlyList<RolloutSummary>> groups)
    {
        ArgumentNullException.ThrowIfNull(questions);
        ArgumentNullException.ThrowIfNull(groups);
        if (questions.Count != groups.Count)
        {
            throw new ArgumentException($"{questions.Count} questions but {groups.Count} groups", nameof(groups));
        }

        var all = groups.SelectMany(g => g).ToArray();
        var live = Live(all);
        double[] perQuestion = [.. groups.Select(g => Accuracy(Live(g)) ?? double.NaN)];
        var judged = Enumerable.Range(0, groups.Count).Where(q => !double.IsNaN(perQuestion[q])).ToArray();
        return new EvaluationMetrics
        {
            Questions = groups.Count,
            Samples = groups.Count == 0 ? 0 : groups.Max(g => g.Count),
            Pass1 = judged.Length == 0 ? null : judged.Average(q => perQuestion[q]),
            PassK = judged.Length == 0 ? null : judged.Count(q => perQuestion[q] > 0) / (double)judged.Length,
            ToolUse = Share(live, r => r.IsToolUsing),
            AccuracyTool = Accuracy([.. live.Where(r => r.IsToolUsing)]),
            AccuracyNoTool = Accuracy([.. live.Where(r => !r.IsToolUsing)]),
            AllWrongTool = AllWrong(groups, r => r.IsToolUsing, []),
            AllWrongNoTool = AllWrong(groups, r => !r.IsToolUsing, []),
            VoidShare = all.Length == 0 ? 0 : (all.Length - live.Length) / (double)all.Length,
            Pass1ByCategory = ByCategory(g => g.Average(q => perQuestion[q])),
            PassKByCategory = ByCategory(g => g.Count(q => perQuestion[q] > 0) / (double)g.Count()),
            PerQuestion = perQuestion,
            Results = [.. questions.Zip(groups, Result)],
        };

        Dictionary<string, double> ByCategory(Func<IGrouping<string, int>, double> figure) => judged
            .GroupBy(q => questions[q].Category, StringComparer.Ordinal).OrderBy(g => g.Key, StringComparer.Ordinal).ToDictionary(g => g.Key, figure, StringComparer.Ordinal);
    }

    private static QuestionResult Result(Question question, IReadOnlyList<RolloutSummary> samples)
    {
        var live = Live(samples);
        return new QuestionResult(
            question.Id,
            question.Suite,
            question.Category,
            live.Length,
            live.Count(r => r.Outcome == Outcome.Correct),
            live.Count(r => r.IsToolUsing),
            live.Count(r => r.IsToolUsing && r.Outcome == Outcome.Correct),
            question.Horizon);
    }

    private static RolloutSummary[] Live(IEnumerable<RolloutSummary> rollouts) => [.. rollouts.Where(r => r.Outcome != Outcome.Void)];

    private static double? Accuracy(IReadOnlyCollection<RolloutSummary> live) => Share(live, r => r.Outcome == Outcome.Correct);

    private static double? Share(IReadOnlyCollection<RolloutSummary> live, Func<RolloutSummary, bool> what) => live.Count == 0 ? null : live.Count(what) / (double)live.Count;

    private static double? AllWrong(IReadOnlyList<IReadOnlyList<RolloutSummary>> groups, Func<RolloutSummary, bool> subgroup, HashSet<int> mended)
    {
        var (seen, wrong) = (0, 0);
        for (var q = 0; q < groups.Count; q++)
        {
            var members = groups[q].Where(r => r.Outcome != Outcome.Void && subgroup(r)).ToArray();
            if (members.Length > 0)
            {
                seen++;
                wrong += !mended.Contains(q) && members.All(r => r.Outcome == Outcome.Wrong) ? 1 : 0;
            }
        }

        return seen == 0 ? null : wrong / (double)seen;
    }
}
