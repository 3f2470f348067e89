namespace Axpo.Grains.Abstractions;

/// <summary>A call of a tool.</summary>
[GenerateSerializer, Immutable, Alias("axpo.ToolCallRequest")]
public sealed record ToolCallRequest
{
    /// <summary>The episode.</summary>
    [Id(0)] public required EpisodeId Episode { get; init; }

    /// <summary>Attempt at the episode: another attempt gets a fresh session.</summary>
    [Id(1)] public required int Attempt { get; init; }

    /// <summary>Index of the call among the episode's calls of this tool, from 0: the operation id inside the session.</summary>
    [Id(2)] public required int Index { get; init; }

    /// <summary>Arguments as the policy wrote them.</summary>
    [Id(3)] public required string Arguments { get; init; }

    /// <summary>Seed of whatever chance the tool offers; that of the original episode for continuations too, so that replays agree.</summary>
    [Id(4)] public required ChanceKey Chance { get; init; }

    /// <summary>A replay: the recorded result, with which the new one is compared; null: a new call.</summary>
    [Id(5)] public ToolResult? Recorded { get; init; }

    /// <summary>The images that the episode had seen when it called, in order.</summary>
    [Id(6)] public ImageRef[] Images { get; init; } = [];

    /// <summary>What the tool is given.</summary>
    public ToolInvocation Invocation => new(Arguments) { Run = Episode.Run, Images = Images };
}

/// <summary>How a call went.</summary>
public enum ToolCallStatus : byte
{
    /// <summary>There is a result (perhaps the policy's own mistake).</summary>
    Done,

    /// <summary>The session has not seen the calls before this one: replay them, then call again.</summary>
    SessionLost,

    /// <summary>A replayed call gave another result.</summary>
    Diverged,

    /// <summary>Infrastructure failed: Void with <see cref="ToolCallResult.Cause"/>.</summary>
    Unavailable,

    /// <summary>The call was cancelled.</summary>
    Cancelled,
}

/// <summary>What a call came to.</summary>
[GenerateSerializer, Immutable, Alias("axpo.ToolCallResult")]
public sealed record ToolCallResult
{
    /// <summary>How it went.</summary>
    [Id(0)] public required ToolCallStatus Status { get; init; }

    /// <summary>The result; null unless done.</summary>
    [Id(1)] public ToolResult? Result { get; init; }

    /// <summary>Cause of the Void.</summary>
    [Id(2)] public VoidCause Cause { get; init; }

    /// <summary>One sentence on it.</summary>
    [Id(3)] public string? Detail { get; init; }
}

/// <summary>A stateful tool's session; key <c>{tool}/{episode}</c>.</summary>
[Alias("axpo.IToolGrain")]
public interface IToolGrain : IGrainWithStringKey
{
    /// <summary>Starts a call; may answer Done at once.</summary>
    [Alias("Start")]
    Task<Pending<ToolCallResult>> StartAsync(ToolCallRequest request);

    /// <summary>Waits for the call of an attempt and index, at most 15 s.</summary>
    [Alias("Wait"), AlwaysInterleave]
    Task<Pending<ToolCallResult>> WaitAsync(int attempt, int index, TimeSpan atMost);

    /// <summary>Ends the call that is under way.</summary>
    [Alias("Cancel"), AlwaysInterleave]
    Task CancelAsync();

    /// <summary>The episode is over: the session ends.</summary>
    [Alias("Close")]
    Task CloseAsync();
}

/// <summary>A stateless tool: a stateless worker; key <c>{tool}</c>. Its pipeline's deadline is cut to 15 s, so one call does.</summary>
[Alias("axpo.IStatelessToolGrain")]
public interface IStatelessToolGrain : IGrainWithStringKey
{
    /// <summary>Calls the tool.</summary>
    [Alias("Invoke")]
    Task<ToolCallResult> InvokeAsync(ToolCallRequest request);
}
