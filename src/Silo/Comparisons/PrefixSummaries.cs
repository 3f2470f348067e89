namespace Axpo.Silo.Comparisons;

/// <summary>What each resampled prefix of a run came to, in order of steps, questions and sources: one list a figure, all of one length [prefixes]. Void continuations count in none.</summary>
public sealed record PrefixSummaries
{
    /// <summary>Training step.</summary>
    public required int[] Step { get; init; }

    /// <summary>Calls that the question needs in sequence.</summary>
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

    /// <summary>How many different calls (name and arguments) they made where they branched.</summary>
    public required int[] Distinct { get; init; }

    /// <summary>Tokens that they sampled.</summary>
    public required int[] Tokens { get; init; }

    /// <summary>Reads them from the rollouts of a run's training steps.</summary>
    /// <param name="steps">For each step that resampled something its rollouts, continuations included, and its questions in the order of the draw.</param>
    /// <param name="configuration">Configuration of the run.</param>
    /// <returns>Null if nothing was resampled.</returns>
    public static PrefixSummaries? Of(IEnumerable<(int Step, IReadOnlyList<Rollout> Rollouts, IReadOnlyList<Question> Questions)> steps, RunConfiguration configuration)
    {
        ArgumentNullException.ThrowIfNull(steps);
        ArgumentNullException.ThrowIfNull(configuration);
        Prefix[] all = [.. steps.SelectMany(s => Prefixes(s.Rollouts, configuration).Select(p => p with
        {
            Step = s.Step,
            Horizon = s.Questions.ElementAtOrDefault(p.Question) is { } question ? question.Horizon : 1,
        }))];
        return all.Length == 0 ? null : new PrefixSummaries
        {
            Step = [.. all.Select(p => p.Step)],
            Horizon = [.. all.Select(p => p.Horizon)],
            Calls = [.. all.Select(p => p.Calls)],
            Boundary = [.. all.Select(p => p.Boundary)],
            Confidence = [.. all.Select(p => p.Confidence)],
            Live = [.. all.Select(p => p.Live.Length)],
            Correct = [.. all.Select(p => p.Live.Count(r => r.Outcome == Outcome.Correct))],
            Distinct = [.. all.Select(p => p.Live.Select(r => CallAt(r, Math.Max(0, p.Boundary))).Distinct().Count())],
            Tokens = [.. all.Select(p => p.Live.Sum(r => r.SampledTokens))],
        };
    }

    private static (string Name, string Arguments) CallAt(Rollout rollout, int index) => index < rollout.Calls.Length ? (rollout.Calls[index].Name, rollout.Calls[index].Arguments) : ("", "");

    private static IEnumerable<Prefix> Prefixes(IReadOnlyList<Rollout> rollouts, RunConfiguration configuration)
    {
        if (configuration.Resample.Start == ResampleStart.Fresh)
        {
            return rollouts.Where(r => r.Id.Path.IsEmpty && r.Id.Rollout >= configuration.Rollouts.GroupSize)
                .GroupBy(r => (r.Id.Question, Slot: (r.Id.Rollout - configuration.Rollouts.GroupSize) / configuration.Resample.K)).OrderBy(g => g.Key)
                .Select(g => new Prefix(g.Key.Question, 0, -1, null, WithOutcome(g)));
        }

        var sources = rollouts.Where(r => r.Id.Path.IsEmpty).ToDictionary(r => r.Id);
        return rollouts.Where(r => r.Id.Path.Branches is { IsDefault: false, Length: 1 } && sources.ContainsKey(r.Id.Original))
            .GroupBy(r => (r.Id.Question, r.Id.Rollout, r.Id.Path.Branches[0].Boundary)).OrderBy(g => g.Key)
            .Select(g =>
            {
                var source = sources[g.First().Id.Original];
                var confidence = Core.Confidence.At(source, g.Key.Boundary);
                return new Prefix(g.Key.Question, source.Calls.Length, g.Key.Boundary, double.IsNaN(confidence) ? null : Math.Round(confidence, 3), WithOutcome(g));
            });
    }

    private static Rollout[] WithOutcome(IEnumerable<Rollout> rollouts) => [.. rollouts.Where(r => r.Outcome != Outcome.Void)];

    private sealed record Prefix(int Question, int Calls, int Boundary, double? Confidence, Rollout[] Live)
    {
        public int Step { get; init; }

        public int Horizon { get; init; }
    }
}
