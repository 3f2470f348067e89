using System.Globalization;
using System.Text.Json;
using Axpo.Silo.Storage;
using StackExchange.Redis;

namespace Axpo.Silo.Cluster;

/// <summary>
/// Finished turns in Redis, for clusters: a hash an episode (field <c>attempt.turn</c>, first write stays) and a set of the episodes of each step, by which the turns of
/// committed steps are forgotten. As durable as Redis is: docs/reliability.md says how to configure it.
/// </summary>
public sealed class RedisTurnJournal(IConnectionMultiplexer redis, ClusterSettings cluster) : ITurnJournal
{
    private IDatabase Database => redis.GetDatabase();

    /// <inheritdoc/>
    public async ValueTask AppendAsync(TurnRecord turn, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(turn);
        cancellationToken.ThrowIfCancellationRequested();
        var body = JsonSerializer.SerializeToUtf8Bytes(turn, AxpoJson.Line);
        var batch = Database.CreateTransaction();
        _ = batch.HashSetAsync(Turns(turn.Episode.ToString()), string.Create(CultureInfo.InvariantCulture, $"{turn.Attempt}.{turn.Turn}"), body, When.NotExists);
        _ = batch.SetAddAsync(Episodes(turn.Episode.Run, turn.Episode.Step), turn.Episode.ToString());
        _ = batch.SortedSetAddAsync(Steps(turn.Episode.Run), turn.Episode.Step, turn.Episode.Step);
        await batch.ExecuteAsync();
    }

    /// <inheritdoc/>
    public async ValueTask<IReadOnlyList<TurnRecord>> ReadAsync(EpisodeId episode, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(episode);
        cancellationToken.ThrowIfCancellationRequested();
        var turns = (await Database.HashGetAllAsync(Turns(episode.ToString())))
            .Select(e => JsonSerializer.Deserialize<TurnRecord>((byte[])e.Value!, AxpoJson.Line) ?? throw new InvalidDataException($"turns of {episode}: an empty record"))
            .ToArray();
        var newest = turns.Length == 0 ? 0 : turns.Max(t => t.Attempt);
        return [.. turns.Where(t => t.Attempt == newest).OrderBy(t => t.Turn)];
    }

    /// <inheritdoc/>
    public async ValueTask ForgetAsync(string run, int throughStep, CancellationToken cancellationToken)
    {
        foreach (var step in await Database.SortedSetRangeByScoreAsync(Steps(run), stop: throughStep))
        {
            cancellationToken.ThrowIfCancellationRequested();
            var episodes = Episodes(run, (int)step);
            RedisKey[] keys = [.. (await Database.SetMembersAsync(episodes)).Select(e => (RedisKey)Turns(e!)), episodes];
            await Database.KeyDeleteAsync(keys);
            await Database.SortedSetRemoveAsync(Steps(run), step);
        }
    }

    private string Turns(string episode) => $"{cluster.Name}/turns/{episode}";

    private string Episodes(string run, int step) => string.Create(CultureInfo.InvariantCulture, $"{cluster.Name}/turns-of/{run}/{step}");

    private string Steps(string run) => $"{cluster.Name}/turn-steps/{run}";
}
