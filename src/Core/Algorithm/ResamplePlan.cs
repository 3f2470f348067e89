namespace Axpo.Core;

/// <summary>A prefix that is resampled.</summary>
/// <param name="Question">Index of the question in the batch.</param>
/// <param name="Source">The failed rollout.</param>
/// <param name="Boundary">Index of the call in the source's list of calls; the prefix ends after its opening tag.</param>
/// <param name="Confidence">Mean probability of the call's sampled tokens.</param>
/// <param name="Round">Breadth-first round, from 1.</param>
[GenerateSerializer, Immutable, Alias("axpo.ResampleSelection")]
public sealed record ResampleSelection(
    [property: Id(0)] int Question,
    [property: Id(1)] EpisodeId Source,
    [property: Id(2)] int Boundary,
    [property: Id(3)] double Confidence,
    [property: Id(4)] int Round);

/// <summary>Which prefixes of a step are resampled, in order of selection.</summary>
/// <param name="Triggered">Per question: the tool-using subgroup is non-empty and none of it is correct [questions].</param>
/// <param name="Budget">Prefixes that the budget allows: floor(r*B*N/K + 1e-9).</param>
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
