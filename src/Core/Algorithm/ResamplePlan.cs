namespace Axpo.Core;

/// <summary>A prefix that is resampled.</summary>
/// <param name="Question">Place of the question in the batch.</param>
/// <param name="Source">The failed rollout.</param>
/// <param name="Boundary">Index of the call in the source's list of calls; the prefix ends after its opening tag. Equal to the number of calls: before the answer.</param>
/// <param name="Confidence">Mean probability of the sampled tokens of that call, or of the answer.</param>
/// <param name="Round">Breadth-first round, from 1.</param>
/// <param name="Count">Continuations: K, fewer where a prefix closed at its first success.</param>
[GenerateSerializer, Immutable, Alias("axpo.ResampleSelection")]
public sealed record ResampleSelection(
    [property: Id(0)] int Question,
    [property: Id(1)] EpisodeId Source,
    [property: Id(2)] int Boundary,
    [property: Id(3)] double Confidence,
    [property: Id(4)] int Round,
    [property: Id(5)] int Count)
{
    /// <summary>
    /// The id of a continuation of this prefix; for <see cref="ResampleStart.Fresh"/> of the fresh rollout in its place, N + (round - 1)*K + k of the question's group.
    /// </summary>
    public EpisodeId Continuation(int k, RunConfiguration configuration)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        return configuration.Resample.Start == ResampleStart.Fresh
            ? Source with { Rollout = configuration.Rollouts.GroupSize + ((Round - 1) * configuration.Resample.K) + k }
            : Source.Fork(Boundary, k);
    }

    /// <summary>The ids of all its continuations.</summary>
    public IEnumerable<EpisodeId> Continuations(RunConfiguration configuration) => Enumerable.Range(0, Count).Select(k => Continuation(k, configuration));
}

/// <summary>Which prefixes of a step are resampled, in order of selection.</summary>
/// <param name="Triggered">Per question: the subgroup that the trigger looks at is non-empty and none of it is correct [questions].</param>
/// <param name="Budget">Prefixes of K continuations that the budget allows: floor(r*B*N/K + 1e-9). Prefixes that closed early leave room for more.</param>
/// <param name="Selections">Selections in order.</param>
[GenerateSerializer, Immutable, Alias("axpo.ResamplePlan")]
public sealed record ResamplePlan(
    [property: Id(0)] bool[] Triggered,
    [property: Id(1)] int Budget,
    [property: Id(2)] ResampleSelection[] Selections)
{
    /// <summary>A plan that resamples nothing.</summary>
    public static ResamplePlan None(int questions) => new(new bool[questions], 0, []);
}
