using Axpo.Core;
using Axpo.Training.Devices;
using Axpo.Training.Models;

namespace Axpo.Training.Memory;

/// <summary>What <see cref="MemoryEstimator"/> is asked about.</summary>
public sealed record MemoryPlan
{
    /// <summary>Shape of the policy.</summary>
    public required DecoderConfig Model { get; init; }

    /// <summary>What the run is told.</summary>
    public required RunConfiguration Run { get; init; }

    /// <summary>Whether the run trains; else it has an engine alone.</summary>
    public required bool Trains { get; init; }

    /// <summary>Whether the run's model folder holds an adapter, which is merged when it is loaded.</summary>
    public bool IsAdapter { get; init; }

    /// <summary>Cores that the learner takes where the run does not say.</summary>
    public int Cores { get; init; } = Environment.ProcessorCount;

    /// <summary>Where the engine is: <c>cpu</c>, <c>cuda</c> or <c>cuda:N</c>.</summary>
    public string EngineDevice { get; init; } = ComputeDevice.Processor;

    /// <summary>Where the learner is: <c>cpu</c>, <c>cuda</c> or <c>cuda:N</c>.</summary>
    public string LearnerDevice { get; init; } = ComputeDevice.Processor;

    /// <summary>Longest sequence that can come, tokens.</summary>
    public int LongestSequence => Math.Min(Run.Rollouts.MaxTokens, Run.Engine.MaxContext > 0 ? Math.Min(Run.Engine.MaxContext, Model.MaxPositions) : Model.MaxPositions);
}
