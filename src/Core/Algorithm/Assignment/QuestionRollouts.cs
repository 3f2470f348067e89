namespace Axpo.Core;

/// <summary>The live rollouts of a question; void ones are in no statistics and carry no loss.</summary>
/// <param name="Place">Place of the question in the batch.</param>
/// <param name="Planned">Rollouts planned (N), void ones counted.</param>
/// <param name="Originals">Its rollouts, branches among them.</param>
/// <param name="Prefixes">Its resampled prefixes in order of selection, less those whose continuations are all void: nothing was learnt from them.</param>
internal sealed record QuestionRollouts(int Place, int Planned, Rollout[] Originals, ResampledPrefix[] Prefixes)
{
    /// <summary>Every continuation.</summary>
    public IEnumerable<Rollout> Continuations => Prefixes.SelectMany(p => p.Continuations);

    /// <summary>Originals, then every continuation.</summary>
    public IEnumerable<Rollout> All => Originals.Concat(Continuations);

    /// <summary>The questions of a batch in order.</summary>
    public static QuestionRollouts[] Of(IReadOnlyList<IReadOnlyList<Rollout?>> groups, ResamplePlan plan, IReadOnlyList<IReadOnlyList<Rollout?>> continuations)
    {
        var prefixes = plan.Selections.Zip(continuations, (s, c) => new ResampledPrefix(s, Live(c))).Where(p => p.Continuations.Length > 0).ToLookup(p => p.Selection.Question);
        return [.. groups.Select((g, q) => new QuestionRollouts(q, g.Count, Live(g), [.. prefixes[q]]))];
    }

    private static Rollout[] Live(IEnumerable<Rollout?> rollouts) => [.. rollouts.OfType<Rollout>().Where(r => r.Outcome != Outcome.Void)];
}

/// <summary>A resampled prefix with its live continuations; at least one.</summary>
internal sealed record ResampledPrefix(ResampleSelection Selection, Rollout[] Continuations);
