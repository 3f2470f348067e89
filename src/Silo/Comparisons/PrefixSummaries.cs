namespace Axpo.Silo.Comparisons;

/// <summary>What each resampled prefix of a run came to, in order of steps, questions and sources: one list a figure, all of one length [prefixes]. Void continuations count in none.</summary>
public sealed record PrefixSummaries
{
    /// <summary>Training step.</summary>
    public required int[] Step { get; init; }

    /// <summary>Calls that the question needs in sequence; 0 where it could not be drawn again.</summary>
    public required int[] Horizon { get; init; }

    /// <summary>Calls of the failed rollout; 0 for fresh rollouts in place of continuations.</summary>
    public required int[] Calls { get; init; }

    /// <summary>Index of the call at which it branched, from 0; as many as there are calls: before the answer; -1 for fresh rollouts.</summary>
    public required int[] Boundary { get; init; }

    /// <summary>Confidence of that call, by which prefixes are ranked; null for fresh rollouts.</summary>
    public required double?[] Confidence { get; init; }

    /// <summary>Continuations with an outcome.</summary>
    public required int[] Live { get; init; }

    /// <summary>Correct ones of them.</summary>
    public required int[] Correct { get; init; }

    /// <summary>How many of them made a call where they branched, or as their first.</summary>
    public required int[] Callers { get; init; }

    /// <summary>How many different calls (name and arguments) these made there.</summary>
    public required int[] Distinct { get; init; }

    /// <summary>Tokens that they sampled.</summary>
    public required int[] Tokens { get; init; }

    /// <summary>Training steps whose stored continuations are not those that were trained on (a pause changed what was resampled): they are left out here.</summary>
    public required int[] LeftOut { get; init; }

    /// <summary>Reads them from the rollouts of a run's training steps.</summary>
    /// <param name="steps">The steps that resampled something, read one after another.</param>
    /// <param name="configuration">Configuration of the run.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <returns>Null if nothing was resampled.</returns>
    public static async Task<PrefixSummaries?> OfAsync(IAsyncEnumerable<ResampledStep> steps, RunConfiguration configuration, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(steps);
        ArgumentNullException.ThrowIfNull(configuration);
        var (rows, leftOut) = (new List<Row>(), new List<int>());
        await foreach (var step in steps.WithCancellation(cancellationToken))
        {
            Row[] found = [.. Prefixes(step.Rollouts, configuration).Select(p => RowOf(step, p))];
            if (found.Length == step.Prefixes)
            {
                rows.AddRange(found);
            }
            else
            {
                leftOut.Add(step.Step);
            }
        }

        return rows.Count + leftOut.Count == 0 ? null : new PrefixSummaries
        {
            Step = [.. rows.Select(r => r.Step)],
            Horizon = [.. rows.Select(r => r.Horizon)],
            Calls = [.. rows.Select(r => r.Calls)],
            Boundary = [.. rows.Select(r => r.Boundary)],
            Confidence = [.. rows.Select(r => r.Confidence)],
            Live = [.. rows.Select(r => r.Live)],
            Correct = [.. rows.Select(r => r.Correct)],
            Callers = [.. rows.Select(r => r.Callers)],
            Distinct = [.. rows.Select(r => r.Distinct)],
            Tokens = [.. rows.Select(r => r.Tokens)],
            LeftOut = [.. leftOut],
        };
    }

    private static Row RowOf(ResampledStep step, Prefix prefix)
    {
        var question = step.Questions.ElementAtOrDefault(prefix.Question);
        (string, string)[] calls = [.. prefix.Live.Select(r => r.Calls.ElementAtOrDefault(Math.Max(0, prefix.Boundary))).OfType<ToolCall>().Select(c => (c.Name, c.Arguments))];
        return new Row(
            step.Step,
            question is not null && question.Id == prefix.QuestionId ? question.Horizon : 0,
            prefix.Calls,
            prefix.Boundary,
            prefix.Confidence,
            prefix.Live.Length,
            prefix.Live.Count(r => r.Outcome == Outcome.Correct),
            calls.Length,
            calls.Distinct().Count(),
            prefix.Live.Sum(r => r.SampledTokens));
    }

    private static IEnumerable<Prefix> Prefixes(IReadOnlyList<Rollout> rollouts, RunConfiguration configuration)
    {
        if (configuration.Resample.Start == ResampleStart.Fresh)
        {
            return rollouts.Where(r => r.Id.Path.IsEmpty && r.Id.Rollout >= configuration.Rollouts.GroupSize)
                .GroupBy(r => (r.Id.Question, Slot: (r.Id.Rollout - configuration.Rollouts.GroupSize) / configuration.Resample.K)).OrderBy(g => g.Key)
                .Select(g => new Prefix(g.Key.Question, g.First().QuestionId, 0, -1, null, WithOutcome(g)));
        }

        var sources = rollouts.Where(r => r.Id.Path.IsEmpty).ToDictionary(r => r.Id);
        return rollouts.Where(r => r.Id.Path.Branches is { IsDefault: false, Length: 1 } && sources.ContainsKey(r.Id.Original))
            .GroupBy(r => (r.Id.Question, r.Id.Rollout, r.Id.Path.Branches[0].Boundary)).OrderBy(g => g.Key)
            .Select(g =>
            {
                var source = sources[g.First().Id.Original];
                var confidence = Core.Confidence.At(source, g.Key.Boundary);
                return new Prefix(g.Key.Question, source.QuestionId, source.Calls.Length, g.Key.Boundary, double.IsNaN(confidence) ? null : Math.Round(confidence, 3), WithOutcome(g));
            });
    }

    private static Rollout[] WithOutcome(IEnumerable<Rollout> rollouts) => [.. rollouts.Where(r => r.Outcome != Outcome.Void)];

    private sealed record Prefix(int Question, string QuestionId, int Calls, int Boundary, double? Confidence, Rollout[] Live);

    private sealed record Row(int Step, int Horizon, int Calls, int Boundary, double? Confidence, int Live, int Correct, int Callers, int Distinct, int Tokens);
}

/// <summary>A training step that resampled something.</summary>
/// <param name="Step">The step.</param>
/// <param name="Prefixes">How many prefixes, or places of fresh rollouts, it trained on.</param>
/// <param name="Rollouts">Its stored rollouts, continuations included.</param>
/// <param name="Questions">Its questions in the order of the draw; empty if they cannot be drawn again.</param>
public sealed record ResampledStep(int Step, int Prefixes, IReadOnlyList<Rollout> Rollouts, IReadOnlyList<Question> Questions);
