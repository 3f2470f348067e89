using Axpo.Grains.Abstractions;
using Axpo.Silo.Runs;

namespace Axpo.Silo.Hosting;

/// <summary>A run that this process hosts.</summary>
public sealed class HostedRun(RunManifest manifest, IRunGrain grain, RunClaim claim) : IDisposable
{
    /// <summary>What it was asked to do.</summary>
    public RunManifest Manifest => manifest;

    /// <summary>Waits for its end, at most so long.</summary>
    public Task<RunStatus> WaitAsync(TimeSpan atMost) => grain.WaitAsync(atMost);

    /// <summary>Asks it to stop cleanly; it can be resumed.</summary>
    public Task CancelAsync(string reason) => grain.CancelAsync(reason);

    /// <summary>Lets go of it.</summary>
    public void Dispose() => claim.Dispose();
}
