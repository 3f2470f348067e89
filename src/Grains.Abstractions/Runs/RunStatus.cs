namespace Axpo.Grains.Abstractions;

/// <summary>Where a run stands. Readable at any time; small.</summary>
[GenerateSerializer, Immutable, Alias("axpo.RunStatus")]
public sealed record RunStatus
{
    /// <summary>Name of the run.</summary>
    [Id(0)] public required string Run { get; init; }

    /// <summary>What it does.</summary>
    [Id(1)] public required RunKind Kind { get; init; }

    /// <summary>Phase; <see cref="RunPhase.Created"/> if it was never started.</summary>
    [Id(2)] public required RunPhase Phase { get; init; }

    /// <summary>Committed training steps.</summary>
    [Id(3)] public required int Step { get; init; }

    /// <summary>Training steps in all.</summary>
    [Id(4)] public required int Steps { get; init; }

    /// <summary>Finished episodes of the current phase.</summary>
    [Id(5)] public int Episodes { get; init; }

    /// <summary>Episodes of the current phase in all.</summary>
    [Id(6)] public int EpisodesPlanned { get; init; }

    /// <summary>Finished episodes of the current phase that are correct.</summary>
    [Id(7)] public int Correct { get; init; }

    /// <summary>Finished episodes of the current phase that called a tool.</summary>
    [Id(8)] public int ToolUsing { get; init; }

    /// <summary>Finished episodes of the current phase that stayed void.</summary>
    [Id(9)] public int Void { get; init; }

    /// <summary>Episodes that stayed void since the run began.</summary>
    [Id(10)] public int Dropped { get; init; }

    /// <summary>Tokens sampled in the current phase.</summary>
    [Id(11)] public long SampledTokens { get; init; }

    /// <summary>Finished episodes a second of the current phase.</summary>
    [Id(12)] public double EpisodesPerSecond { get; init; }

    /// <summary>Sampled tokens a second of the current phase.</summary>
    [Id(13)] public double TokensPerSecond { get; init; }

    /// <summary>Seconds that the run has worked since this activation took it up.</summary>
    [Id(14)] public double Seconds { get; init; }

    /// <summary>Seconds until the last step, from the mean of the steps of this activation; null before the first.</summary>
    [Id(15)] public double? SecondsLeft { get; init; }

    /// <summary>Newest metrics row, per-question figures left out (they are in the run log).</summary>
    [Id(16)] public MetricsRow? Newest { get; init; }

    /// <summary>Newest row with a held-out evaluation, per-question figures left out.</summary>
    [Id(17)] public MetricsRow? NewestEvaluation { get; init; }

    /// <summary>Why it failed, was cancelled or has paused; null otherwise.</summary>
    [Id(18)] public string? Message { get; init; }

    /// <summary>The committed weights; null while they are those of the model that the run began with.</summary>
    [Id(19)] public WeightsVersion? Weights { get; init; }

    /// <summary>Whether the run has ended (done, failed, cancelled or paused).</summary>
    public bool HasEnded => Phase is RunPhase.Done or RunPhase.Failed or RunPhase.Cancelled or RunPhase.Paused;
}
