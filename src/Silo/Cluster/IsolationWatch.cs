using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Axpo.Silo.Cluster;

/// <summary>Whether a silo reaches anybody.</summary>
public interface IReachability
{
    /// <summary>Whether Redis, or any other silo that was last known to live, answers; true for a silo that knows no other.</summary>
    ValueTask<bool> ReachesAnybodyAsync(CancellationToken cancellationToken);
}

/// <summary>
/// Ends a silo that reaches neither Redis nor any other silo: the others declare it dead meanwhile and its work goes on there, but it cannot read that. It is not ready from the moment it is
/// sure, and stops; its supervisor starts it again. An outage of Redis alone is no isolation: the silos see each other and wait.
/// </summary>
public sealed partial class IsolationWatch(ClusterSettings cluster, IReachability reachability, SiloHealth health, IHostApplicationLifetime lifetime, TimeProvider time, ILogger<IsolationWatch> logger) : BackgroundService
{
    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var contact = time.GetTimestamp();
        while (!stoppingToken.IsCancellationRequested)
        {
            if (await reachability.ReachesAnybodyAsync(stoppingToken))
            {
                contact = time.GetTimestamp();
            }
            else if (time.GetElapsedTime(contact) >= cluster.IsolationBound)
            {
                LogIsolated(logger, cluster.Silo, cluster.IsolationBound.TotalSeconds);
                health.IsIsolated = true;
                lifetime.StopApplication();
                return;
            }

            await Task.Delay(cluster.ProbeTimeout / 2, time, stoppingToken);
        }
    }

    [LoggerMessage(LogLevel.Critical, "silo {Silo} has reached neither Redis nor another silo for {Seconds} s: it stops, the others go on without it")]
    private static partial void LogIsolated(ILogger logger, string silo, double seconds);
}
