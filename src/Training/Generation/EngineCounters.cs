using Axpo.Core;

namespace Axpo.Training.Generation;

/// <summary>Figures that the engine's thread writes and anybody reads.</summary>
internal sealed class EngineCounters
{
    public int Version;
    public int Workers;
    public int Live;
    public int Sessions;
    public long KvBytes;
    public long Generated;
    public long Prefilled;
    public long Refilled;
    public long Shared;
    public long Evictions;
    public long Steps;
    public long EncodedImages;
    public long ImageBytes;
    public volatile string? Fatal;
    public volatile string? LastError;

    public EngineStatus Read(int queued) => new()
    {
        Version = Volatile.Read(ref Version),
        LiveSequences = Volatile.Read(ref Live),
        QueuedSequences = queued,
        Sessions = Volatile.Read(ref Sessions),
        KvBytes = Volatile.Read(ref KvBytes),
        GeneratedTokens = Volatile.Read(ref Generated),
        PrefilledTokens = Volatile.Read(ref Prefilled),
        RefilledTokens = Volatile.Read(ref Refilled),
        SharedTokens = Volatile.Read(ref Shared),
        Evictions = Volatile.Read(ref Evictions),
        Healthy = Fatal is null,
        Error = Fatal ?? LastError,
        Workers = Volatile.Read(ref Workers),
        EncodedImages = Volatile.Read(ref EncodedImages),
        ImageBytes = Volatile.Read(ref ImageBytes),
    };
}
