using System.ComponentModel.DataAnnotations;

namespace Axpo.Core;

/// <summary>What a tool's failure makes of an episode.</summary>
public enum FaultOutcome
{
    /// <summary>Void: it counts nowhere, stands in the ledger, and is tried again.</summary>
    Void,

    /// <summary>Wrong, as if the agent had made a mistake. For experiments that show what this costs.</summary>
    Wrong,
}

/// <summary>Infrastructure that fails on purpose, for drills and experiments.</summary>
[GenerateSerializer, Immutable, Alias("axpo.FaultOptions")]
public sealed record FaultOptions
{
    /// <summary>
    /// Share of the tool calls in training that fail as if the tool were down, beside its pipeline (no retries, no breaker), each attempt at an episode anew; held-out questions are spared. What stays Void counts towards
    /// `rollouts.maxVoidShare`. 0 = none.
    /// </summary>
    [Id(0), Range(0.0, 1.0)] public double ToolOutage { get; init; }

    /// <summary>What a call that a tool failed to answer (it is unavailable, its breaker is open, its deadline passed) makes of a training episode. With wrong the policy pays for its infrastructure.</summary>
    [Id(1)] public FaultOutcome Outcome { get; init; } = FaultOutcome.Void;
}
