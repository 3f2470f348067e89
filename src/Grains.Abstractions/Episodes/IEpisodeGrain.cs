namespace Axpo.Grains.Abstractions;

/// <summary>What an episode needs to know. Its operation id is its key.</summary>
[GenerateSerializer, Immutable, Alias("axpo.EpisodeRequest")]
public sealed record EpisodeRequest
{
    /// <summary>The question.</summary>
    [Id(0)] public required Question Question { get; init; }

    /// <summary>How to sample.</summary>
    [Id(1)] public required SamplingOptions Sampling { get; init; }

    /// <summary>Weights that the engine must hold; null: the model's own.</summary>
    [Id(3)] public WeightsVersion? Weights { get; init; }

    /// <summary>Whether earlier work may exist: a stored rollout, a journal of turns.</summary>
    [Id(4)] public bool Resume { get; init; }

    /// <summary>A stored Void outcome of an attempt below this is no outcome: the episode is tried again.</summary>
    [Id(5)] public int FirstAttempt { get; init; } = 1;
}

/// <summary>What an episode is doing.</summary>
[GenerateSerializer, Immutable, Alias("axpo.EpisodeStatus")]
public sealed record EpisodeStatus
{
    /// <summary>State of the operation.</summary>
    [Id(0)] public required OperationState State { get; init; }

    /// <summary>Attempt, from 1.</summary>
    [Id(1)] public int Attempt { get; init; }

    /// <summary>Finished turns of the attempt.</summary>
    [Id(2)] public int Turns { get; init; }

    /// <summary>Tokens of the attempt so far.</summary>
    [Id(3)] public int Tokens { get; init; }

    /// <summary>Tool that it waits for; null if none.</summary>
    [Id(4)] public string? Tool { get; init; }
}

/// <summary>One episode; key: an <see cref="EpisodeId"/> as text. A continuation reads its source's stored rollout.</summary>
[Alias("axpo.IEpisodeGrain")]
public interface IEpisodeGrain : IGrainWithStringKey
{
    /// <summary>Starts the episode; starting it twice is the same as once.</summary>
    [Alias("Start")]
    Task<Pending<RolloutSummary>> StartAsync(EpisodeRequest request);

    /// <summary>Waits for its end, at most 15 s.</summary>
    [Alias("Wait"), AlwaysInterleave]
    Task<Pending<RolloutSummary>> WaitAsync(TimeSpan atMost);

    /// <summary>What it is doing.</summary>
    [Alias("Status"), AlwaysInterleave]
    Task<EpisodeStatus> StatusAsync();

    /// <summary>Ends it as Void with <see cref="VoidCause.Cancelled"/>; nothing of it is stored beyond its finished turns, and starting it again goes on from them.</summary>
    [Alias("Cancel"), AlwaysInterleave]
    Task CancelAsync();
}
