using Axpo.Training.Devices;
using Axpo.Training.Native;

namespace Axpo.Silo.Diagnostics;

/// <summary>How a check went.</summary>
public enum CheckState
{
    /// <summary>As it should be.</summary>
    Works,

    /// <summary>Missing or broken.</summary>
    Fails,
}

/// <summary>One thing that was looked at.</summary>
/// <param name="Name">What.</param>
/// <param name="State">How it went.</param>
/// <param name="Detail">What was found.</param>
/// <param name="Remedy">How to mend it; null if it works.</param>
public sealed record MachineCheck(string Name, CheckState State, string Detail, string? Remedy = null);

/// <summary>The machine in figures.</summary>
public sealed record MachineFacts
{
    /// <summary>Cores that this process may use.</summary>
    public required int Cores { get; init; }

    /// <summary>Memory that this process may use, bytes.</summary>
    public required long MemoryBytes { get; init; }

    /// <summary>Name of the processor; empty if unknown.</summary>
    public required string Processor { get; init; }

    /// <summary>Features of the processor that matter, of avx2, fma, avx512f, avx512_bf16, amx_bf16.</summary>
    public required IReadOnlyList<string> Features { get; init; }

    /// <summary>.NET.</summary>
    public required string Runtime { get; init; }

    /// <summary>Operating system.</summary>
    public required string System { get; init; }

    /// <summary>Free bytes where the runs are.</summary>
    public required long FreeDiskBytes { get; init; }
}

/// <summary>What this machine can do.</summary>
public sealed record MachineReport
{
    /// <summary>Whether the quickstart would run.</summary>
    public required bool Ready { get; init; }

    /// <summary>Everything that was looked at.</summary>
    public required IReadOnlyList<MachineCheck> Checks { get; init; }

    /// <summary>The machine.</summary>
    public required MachineFacts Machine { get; init; }

    /// <summary>libtorch.</summary>
    public required LibtorchReport Libtorch { get; init; }

    /// <summary>Matrix products; null if libtorch does not work.</summary>
    public required GemmReport? Gemm { get; init; }

    /// <summary>CUDA devices that libtorch sees.</summary>
    public required IReadOnlyList<Accelerator> Accelerators { get; init; }

    /// <summary>Model folders that were found.</summary>
    public required IReadOnlyList<string> Models { get; init; }
}
