namespace Axpo.Grains.Abstractions;

/// <summary>One generation for an episode.</summary>
/// <param name="Operation">Operation id: the session, then <c>#attempt.turn.part</c>; doing it twice is the same as once.</param>
/// <param name="Request">What to generate.</param>
/// <param name="Weights">Weights that the engine must hold; null: the model's own.</param>
/// <param name="Limit">Time that is left for it; a length, not a moment, as the clocks of two machines differ. Null: any.</param>
[GenerateSerializer, Immutable, Alias("axpo.PolicyRequest")]
public sealed record PolicyRequest([property: Id(0)] string Operation, [property: Id(1)] GenerateRequest Request, [property: Id(2)] WeightsVersion? Weights, [property: Id(3)] TimeSpan? Limit = null);

/// <summary>Whether a version was taken.</summary>
/// <param name="Taken">False: the engine holds the same or a newer one.</param>
[GenerateSerializer, Immutable, Alias("axpo.PublishResult")]
public sealed record PublishResult([property: Id(0)] bool Taken);

/// <summary>The door to one engine; key <c>{run}/{engine}</c>. Sessions live in the engine, the grain keeps nothing that a resend would not bring back.</summary>
[Alias("axpo.IPolicyGrain")]
public interface IPolicyGrain : IGrainWithStringKey
{
    /// <summary>Starts a generation; may answer Done at once.</summary>
    [Alias("Start")]
    Task<Pending<GenerateResult>> StartAsync(PolicyRequest request);

    /// <summary>Waits for the newest generation of a session, at most 15 s.</summary>
    [Alias("Wait"), AlwaysInterleave]
    Task<Pending<GenerateResult>> WaitAsync(string session, string operation, TimeSpan atMost);

    /// <summary>Ends a generation.</summary>
    [Alias("Cancel"), AlwaysInterleave]
    Task CancelAsync(string session, string operation);

    /// <summary>Starts taking new weights.</summary>
    [Alias("Publish")]
    Task<Pending<PublishResult>> PublishAsync(WeightsVersion version);

    /// <summary>Waits until weights were taken, at most 15 s.</summary>
    [Alias("WaitPublished"), AlwaysInterleave]
    Task<Pending<PublishResult>> WaitPublishedAsync(WeightsVersion version, TimeSpan atMost);

    /// <summary>Forgets sessions that equal, or lie below, the prefix.</summary>
    [Alias("Release"), AlwaysInterleave]
    Task ReleaseAsync(string sessionPrefix);

    /// <summary>The run has ended: its engine on this silo ends too.</summary>
    [Alias("Close")]
    Task CloseAsync();

    /// <summary>Figures of the engine; null while it has not been started.</summary>
    [Alias("Status"), AlwaysInterleave]
    Task<EngineStatus?> StatusAsync();
}
