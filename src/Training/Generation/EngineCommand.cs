using Axpo.Core;
using Axpo.Training.Models;

namespace Axpo.Training.Generation;

/// <summary>What callers hand to the engine's thread.</summary>
internal abstract record EngineCommand
{
    private EngineCommand()
    {
    }

    /// <summary>A generation that waits for its turn.</summary>
    public sealed record Generate(Sequence Sequence) : EngineCommand;

    /// <summary>Sessions to forget.</summary>
    public sealed record Release(string Prefix) : EngineCommand;

    /// <summary>Weights that are loaded and wait for the gap between two tokens. The decoder becomes the engine's.</summary>
    public sealed record Swap(Decoder Decoder, WeightsVersion Version, TaskCompletionSource<bool> Done) : EngineCommand;

    /// <summary>Nothing but a reason to look again.</summary>
    public sealed record Wake : EngineCommand;
}
