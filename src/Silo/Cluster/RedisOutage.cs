using StackExchange.Redis;

namespace Axpo.Silo.Cluster;

/// <summary>Redis that cannot be reached, or does not write, is storage that fails: callers know <see cref="IOException"/>, whatever the storage.</summary>
internal static class RedisOutage
{
    /// <summary>Waits for an answer of Redis.</summary>
    /// <exception cref="IOException">There was none, or it was an error.</exception>
    public static async Task<T> OrIOException<T>(this Task<T> answer)
    {
        try
        {
            return await answer;
        }
        catch (Exception e) when (e is RedisException or RedisTimeoutException)
        {
            throw new IOException("Redis: " + e.Message, e);
        }
    }
}
