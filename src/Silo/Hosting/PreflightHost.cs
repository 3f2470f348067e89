using Axpo.Grains.Abstractions;

namespace Axpo.Silo.Hosting;

/// <summary>What a run is for, and the machine that it shall run on.</summary>
public sealed record PreflightHost
{
    /// <summary>A run that trains, on this machine.</summary>
    public static PreflightHost Training => new();

    /// <summary>Whether it trains; else it has an engine alone.</summary>
    public bool Trains { get; init; } = true;

    /// <summary>Whether engine and learner are on this machine, whose memory is looked at then; on a cluster they are not.</summary>
    public bool IsHere { get; init; } = true;

    /// <summary>Memory of this machine; null: not known, not checked.</summary>
    public MachineMemory? Memory { get; init; } = MachineMemory.Read();

    /// <summary>A run of a kind.</summary>
    /// <param name="kind">What it is for.</param>
    /// <param name="isHere">Whether this machine hosts it.</param>
    public static PreflightHost Of(RunKind kind, bool isHere) => new() { Trains = kind == RunKind.Train, IsHere = isHere };
}
