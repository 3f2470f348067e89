namespace Axpo.Core;

/// <summary>Advantages and weights of every token (method.md, (2) to (5), its ablations and the normalisation). Pure.</summary>
public static class AdvantageAssigner
{
    /// <summary>
    /// The batch of a step. An ordinary rollout and each selected prefix weigh 1/(B*N), each continuation and each fresh rollout too; a selected source appears as its prefix
    /// only, unless all of its continuations are void. A branch of a group (<see cref="BranchingOptions"/>) is a rollout of it as any other, its shared tokens included. With <c>objective.maskTruncated</c> a rollout that ended at the token limit keeps its place in the statistics and
    /// carries no loss; the prefix of one does, since what was cut off is not in it.
    /// </summary>
    /// <param name="id">Batch id.</param>
    /// <param name="step">Step that the batch makes.</param>
    /// <param name="groups">Rollouts [questions][N], branches among them; null where nothing is stored, which counts as void.</param>
    /// <param name="plan">What was resampled.</param>
    /// <param name="continuations">Continuations [selections][K], or fresh rollouts in their place; null as above.</param>
    /// <param name="configuration">Objective, resampling and rewards.</param>
    /// <exception cref="ArgumentException">There are prefixes and the advantage estimator is none for groups.</exception>
    public static UpdateBatch Assign(
        string id,
        int step,
        IReadOnlyList<IReadOnlyList<Rollout?>> groups,
        ResamplePlan plan,
        IReadOnlyList<IReadOnlyList<Rollout?>> continuations,
        RunConfiguration configuration)
    {
        ArgumentNullException.ThrowIfNull(groups);
        ArgumentNullException.ThrowIfNull(plan);
        ArgumentNullException.ThrowIfNull(continuations);
        ArgumentNullException.ThrowIfNull(configuration);
        var questions = QuestionRollouts.Of(groups, plan, continuations);
        var ordinary = new OrdinaryAdvantages(questions, configuration);
        var isFresh = configuration.Resample.Start == ResampleStart.Fresh;
        var resampled = isFresh || questions.All(q => q.Prefixes.Length == 0) ? null : new PrefixAdvantages(configuration);
        var isValid = configuration.Objective.Denominator == LossDenominator.Valid;
        var count = isValid ? Math.Max(1, questions.Count(q => q.Originals.Length > 0)) : questions.Length;
        var sequences = new List<TrainSequence>();
        foreach (var question in questions)
        {
            var weight = 1.0 / (count * (double)(isValid ? Math.Max(1, question.Originals.Length) : question.Planned));
            var terms = resampled is null ? question.All.Select(r => Term.Whole(r, ordinary.Of(r))) : Terms(question, ordinary, resampled, configuration.Resample);
            sequences.AddRange(terms.Where(t => !IsMasked(t, configuration.Objective)).Select(t => t.ToSequence(question.Place, weight)).OfType<TrainSequence>());
        }

        return new UpdateBatch(id, step, groups.Count, configuration.Rollouts.GroupSize, sequences);
    }

    /// <summary>(5): the ordinary terms, and for each resampled prefix its own with those of its continuations.</summary>
    private static IEnumerable<Term> Terms(QuestionRollouts question, OrdinaryAdvantages ordinary, PrefixAdvantages resampled, ResampleOptions options)
    {
        var isMerged = options.Statistics == ResampleStatistics.Merged;
        Rollout[] group = isMerged ? [.. question.All] : question.Originals;
        for (var i = 0; i < question.Originals.Length; i++)
        {
            var source = question.Originals[i];
            if (Array.Find(question.Prefixes, p => p.Selection.Source == source.Id) is not { } prefix)
            {
                yield return Term.Whole(source, ordinary.Of(source));
                continue;
            }

            var end = source.PrefixEnd(prefix.Selection.Boundary);
            var from = source.CreditedFrom(end, options.PrefixSpan);
            if (options.PrefixCredit == PrefixCredit.Ordinary)
            {
                yield return new Term(source, from, end, ordinary.Of(source));
            }
            else if (options.PrefixCredit != PrefixCredit.None)
            {
                yield return Term.Even(source, from, end, resampled.OfPrefix(group, i, PrefixAdvantages.Reward(options.PrefixCredit, prefix.Continuations)));
            }

            var own = isMerged ? null : resampled.OfContinuations(prefix);
            for (var k = 0; k < prefix.Continuations.Length; k++)
            {
                var continuation = prefix.Continuations[k];
                yield return own is null ? Term.Own(continuation, ordinary.Of(continuation)) : Term.Even(continuation, continuation.InheritedTokens, continuation.Tokens.Length, own[k]);
            }
        }
    }

    private static bool IsMasked(Term term, ObjectiveOptions objective) =>
        objective.MaskTruncated && term.Rollout.End == EndReason.TokenLimit && term.End == term.Rollout.Tokens.Length;
}
