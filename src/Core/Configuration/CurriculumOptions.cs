using System.ComponentModel.DataAnnotations;

namespace Axpo.Core;

/// <summary>
/// Chains that grow while a run trains. A policy hardly makes chains of calls much longer than those it was shown, so a question that needs one is all wrong wherever it is resampled from; one call more than it masters is within its
/// reach. Held-out questions are of all lengths from the start. Why, and what came of it: docs/decisions/0011.
/// </summary>
[GenerateSerializer, Immutable, Alias("axpo.CurriculumOptions")]
public sealed record CurriculumOptions
{
    /// <summary>Steps after which the longest chain of training questions grows by a call; past `tasks.horizonMax` every length is asked. 0 = every length from the start.</summary>
    [Id(0), Range(0, 1_000_000)] public int StepsPerCall { get; init; }

    /// <summary>Longest chain of the first steps, in calls; 0 = the shortest one.</summary>
    [Id(1), Range(0, 12)] public int Start { get; init; }

    /// <summary>Lengths that a step asks while chains grow: the longest one and those next below it; 0 = all of them.</summary>
    [Id(2), Range(0, 12)] public int Lengths { get; init; }

    /// <summary>The chains of a training step.</summary>
    /// <param name="step">Step, from 1.</param>
    /// <param name="shortest">Shortest chain of the suite in calls.</param>
    /// <param name="longest">Longest chain of the suite in calls.</param>
    /// <returns>Shortest and longest chain that the step asks, in calls.</returns>
    public (int Shortest, int Longest) Chains(int step, int shortest, int longest)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(step, 1);
        if (StepsPerCall == 0)
        {
            return (shortest, longest);
        }

        var reached = Math.Max(Start, shortest) + ((step - 1) / StepsPerCall);
        return reached > longest ? (shortest, longest) : (Lengths == 0 ? shortest : Math.Max(shortest, reached - Lengths + 1), reached);
    }

    /// <summary>The first step that asks every length.</summary>
    /// <param name="shortest">Shortest chain of the suite in calls.</param>
    /// <param name="longest">Longest chain of the suite in calls.</param>
    public int FirstOfAll(int shortest, int longest) => (Math.Max(0, longest + 1 - Math.Max(Start, shortest)) * StepsPerCall) + 1;
}
