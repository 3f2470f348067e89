using System.Net.Sockets;
using Orleans.Runtime;
using StackExchange.Redis;

namespace Axpo.Silo.Cluster;

/// <summary>Asks Redis, then knocks at the ports of the silos that were last known to live.</summary>
public sealed class SiloReachability(ClusterSettings cluster, ISiloStatusOracle membership, IConnectionMultiplexer redis) : IReachability
{
    /// <inheritdoc/>
    public async ValueTask<bool> ReachesAnybodyAsync(CancellationToken cancellationToken)
    {
        SiloAddress[] others = [.. membership.GetApproximateSiloStatuses(onlyActive: true).Keys.Where(s => !s.Equals(membership.SiloAddress))];
        if (others.Length == 0 || await AnswersAsync(t => new ValueTask(redis.GetDatabase().PingAsync().WaitAsync(t)), cancellationToken))
        {
            return true;
        }

        var knocks = await Task.WhenAll(others.Select(other => AnswersAsync(
            async t =>
            {
                using var client = new TcpClient();
                await client.ConnectAsync(other.Endpoint, t);
            },
            cancellationToken)));
        return knocks.Contains(true);
    }

    private async Task<bool> AnswersAsync(Func<CancellationToken, ValueTask> question, CancellationToken cancellationToken)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(cluster.ProbeTimeout);
        try
        {
            await question(limit.Token);
            return true;
        }
        catch (Exception e) when (e is RedisException or SocketException or TimeoutException || (e is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            return false;
        }
    }
}
