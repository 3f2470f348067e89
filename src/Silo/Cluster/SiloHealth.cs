using Axpo.Grains.Placement;
using Orleans;
using Orleans.Runtime;
using StackExchange.Redis;

namespace Axpo.Silo.Cluster;

/// <summary>What an orchestrator asks a silo.</summary>
/// <param name="IsReady">Whether work may be sent to it.</param>
/// <param name="Silo">Its name.</param>
/// <param name="Roles">Its roles.</param>
/// <param name="Status">Its status in the membership.</param>
/// <param name="Engines">Live engines that it sees.</param>
/// <param name="Problems">Why it is not ready; empty if it is.</param>
public sealed record HealthReport(bool IsReady, string Silo, IReadOnlyList<string> Roles, string Status, IReadOnlyList<string> Engines, IReadOnlyList<string> Problems);

/// <summary>Readiness of a silo of a cluster: it is an active member, Redis answers, the folder of runs can be written, its engines work, and it is not draining.</summary>
public sealed class SiloHealth(ClusterSettings cluster, ISiloStatusOracle membership, IConnectionMultiplexer redis, IEngineDirectory engines, Storage.RunFolders folders, Runs.RunServices runs)
{
    /// <summary>Set when the silo has been asked to stop: what it does it ends, nothing new comes.</summary>
    public bool IsDraining { get; set; }

    /// <summary>Set when the silo has reached nobody for longer than its bound: it can store nothing, and what it does counts no more.</summary>
    public bool IsIsolated { get; set; }

    /// <summary>The moment's answer.</summary>
    public async Task<HealthReport> ReportAsync(CancellationToken cancellationToken)
    {
        var problems = new List<string>();
        if (IsDraining)
        {
            problems.Add("draining");
        }

        if (IsIsolated)
        {
            problems.Add("reaches neither Redis nor another silo");
        }

        if (membership.CurrentStatus != SiloStatus.Active)
        {
            problems.Add($"not an active member of the cluster: {membership.CurrentStatus}");
        }

        try
        {
            await redis.GetDatabase().PingAsync().WaitAsync(TimeSpan.FromSeconds(2), cancellationToken);
        }
        catch (Exception e) when (e is RedisException or TimeoutException)
        {
            problems.Add("Redis does not answer");
        }

        if (await Task.Run(CannotWrite, cancellationToken) is { } why)
        {
            problems.Add($"the folder of runs cannot be written: {why}");
        }

        problems.AddRange((await runs.UnhealthyEnginesAsync()).Select(e => $"the engine of run '{e.Run}' gave itself up: {e.Why}"));
        return new HealthReport(problems.Count == 0, cluster.Silo, cluster.Roles, membership.CurrentStatus.ToString(), engines.Live, problems);
    }

    private string? CannotWrite()
    {
        var probe = Path.Combine(folders.Root, $".axpo-{Guid.NewGuid():N}");
        try
        {
            Directory.CreateDirectory(folders.Root);
            File.WriteAllBytes(probe, []);
            File.Delete(probe);
            return null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return e.Message;
        }
    }
}
