namespace Axpo.Training.Native;

/// <summary>How libtorch was found and loaded, for <c>axpo doctor</c>.</summary>
public sealed record LibtorchReport
{
    /// <summary>Whether TorchSharp works in this process.</summary>
    public required bool Works { get; init; }

    /// <summary>Version of libtorch, major and minor; null if it does not say.</summary>
    public string? Version { get; init; }

    /// <summary>Folder of libtorch; null if none was found.</summary>
    public string? Folder { get; init; }

    /// <summary>Folders that were looked at, with why.</summary>
    public IReadOnlyList<string> Tried { get; init; } = [];

    /// <summary>The binding library that was loaded; lies in a cache folder when it had to be patched.</summary>
    public string? Binding { get; init; }

    /// <summary>Whether the binding was patched for an older libstdc++.</summary>
    public bool Patched { get; init; }

    /// <summary>Whether CUDA's libtorch was loaded.</summary>
    public bool Cuda { get; init; }

    /// <summary>What went wrong; null if it works.</summary>
    public string? Error { get; init; }

    /// <summary>What to do; null if it works.</summary>
    public string? Remedy { get; init; }
}
