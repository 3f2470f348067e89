using System.Globalization;
using Axpo.Silo.Storage;
using StackExchange.Redis;

namespace Axpo.Silo.Cluster;

/// <summary>Claims in a hash a run, phase and step.</summary>
public sealed class RedisRolloutClaims(IConnectionMultiplexer redis, ClusterSettings cluster) : IRolloutClaims
{
    private const string Exchange = """
        if redis.call('HGET', KEYS[1], ARGV[1]) == ARGV[2] then redis.call('HSET', KEYS[1], ARGV[1], ARGV[3]) end
        return redis.call('HGET', KEYS[1], ARGV[1])
        """;

    private IDatabase Database => redis.GetDatabase();

    /// <inheritdoc/>
    public async ValueTask<string> ClaimAsync(EpisodeId id, string writer, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        return await Database.HashSetAsync(Key(id), id.ToString(), writer, When.NotExists).OrIOException() ? writer : (await OwnerAsync(id, cancellationToken))!;
    }

    /// <inheritdoc/>
    public async ValueTask<string> TakeOverAsync(EpisodeId id, string from, string writer, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        return (await Database.ScriptEvaluateAsync(Exchange, [Key(id)], [id.ToString(), from, writer]).OrIOException()).ToString();
    }

    /// <inheritdoc/>
    public async ValueTask<string?> OwnerAsync(EpisodeId id, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        return await Database.HashGetAsync(Key(id), id.ToString()).OrIOException();
    }

    private RedisKey Key(EpisodeId id) => string.Create(CultureInfo.InvariantCulture, $"{cluster.Name}/rollouts/{id.Run}/{EpisodeId.Name(id.Phase)}/{id.Step}");
}
