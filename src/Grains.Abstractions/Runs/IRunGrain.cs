namespace Axpo.Grains.Abstractions;

/// <summary>
/// A run; key <c>{run}</c>.
/// <code>
/// var run = client.GetGrain&lt;IRunGrain&gt;("2026-quick");          // configuration "2026-quick" was stored before
/// await run.StartAsync(new RunRequest { Kind = RunKind.Train });   // idempotent; returns at once
/// for (var status = await run.StatusAsync(); !status.HasEnded; status = await run.WaitAsync(TimeSpan.FromMilliseconds(500)))
/// {
///     Show(status);                                                 // phase, step, counts, rates, newest metrics row
/// }
/// </code>
/// Ctrl-C: <see cref="CancelAsync"/>, then <see cref="WaitAsync"/> until <see cref="RunStatus.HasEnded"/>; <see cref="ResumeAsync"/> goes on with the committed step.
/// Metrics rows, drop ledger and trajectories are read from <see cref="IRunLog"/> and <see cref="ITrajectoryStore"/>, not from the grain.
/// </summary>
[Alias("axpo.IRunGrain")]
public interface IRunGrain : IGrainWithStringKey
{
    /// <summary>Starts the run. Starting twice is the same as once; a run that has failed or was cancelled stays so (use <see cref="ResumeAsync"/> to go on).</summary>
    [Alias("Start")]
    Task<RunStatus> StartAsync(RunRequest request);

    /// <summary>
    /// Goes on with the committed step after a kill, a failure or a cancellation. Nothing that was stored is done again. A run that is under way, done, or was never
    /// started is left as it is.
    /// </summary>
    [Alias("Resume")]
    Task<RunStatus> ResumeAsync();

    /// <summary>Waits until the run has ended, at most <paramref name="atMost"/> (cut to 15 s).</summary>
    [Alias("Wait"), AlwaysInterleave]
    Task<RunStatus> WaitAsync(TimeSpan atMost);

    /// <summary>Where it stands.</summary>
    [Alias("Status"), AlwaysInterleave]
    Task<RunStatus> StatusAsync();

    /// <summary>Asks the run to stop cleanly: what is stored stays, live episodes end as cancelled. Returns at once.</summary>
    [Alias("Cancel"), AlwaysInterleave]
    Task CancelAsync(string reason);
}
