using Axpo.Silo.Hosting;
using StackExchange.Redis;

namespace Axpo.Silo.Cluster;

/// <summary>Tries what a cluster needs before anything starts.</summary>
public static class ClusterPreflight
{
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(10);

    /// <summary>The error for a Redis that answered with an error while a silo, or a client, joined the cluster.</summary>
    public static PreflightException Unusable(ClusterSettings cluster, RedisException e) =>
        new([new Problem("--redis", EndPoints(cluster.RedisOptions()), $"refuses to store ({e.Message}); try again when it does", IsEnvironment: true)]);

    /// <summary>Connects to Redis once.</summary>
    /// <exception cref="PreflightException">Redis cannot be reached, or the text is no address of one.</exception>
    public static async Task CheckAsync(ClusterSettings cluster, CancellationToken cancellationToken)
    {
        ConfigurationOptions options;
        try
        {
            options = cluster.RedisOptions();
        }
        catch (ArgumentException e)
        {
            throw new PreflightException([new Problem("--redis", "", $"cannot be read ({e.Message}); expected HOST:PORT, for example 127.0.0.1:6379")]);
        }

        options.AbortOnConnectFail = true;
        options.ConnectTimeout = (int)Longest.TotalMilliseconds;
        try
        {
            await using var redis = await ConnectionMultiplexer.ConnectAsync(options).WaitAsync(Longest * 2, cancellationToken);
            await redis.GetDatabase().PingAsync().WaitAsync(Longest, cancellationToken);
        }
        catch (Exception e) when (e is RedisException or TimeoutException)
        {
            throw new PreflightException([new Problem("--redis", EndPoints(options), "does not answer; start one (Debian: apt install redis-server), or name the one of your cluster as HOST:PORT", IsEnvironment: true)]);
        }
    }

    /// <summary>The text may hold a password: only the end points are told.</summary>
    private static string EndPoints(ConfigurationOptions options) => string.Join(", ", options.EndPoints);
}
