using System.Globalization;
using System.Text.Json;
using Axpo.Silo.Storage;
using StackExchange.Redis;

namespace Axpo.Silo.Cluster;

/// <summary>
/// Finished turns in Redis, for clusters: a hash an episode (fields <c>attempt.turn</c> and <c>attempt.turn.result</c>, the first write stays) and a set of the episodes of each step, by which the turns of
/// committed steps are forgotten. As durable as Redis is: docs/reliability.md says how to configure it.
/// </summary>
public sealed class RedisTurnJournal(IConnectionMultiplexer redis, ClusterSettings cluster) : ITurnJournal
{
    private const string Result = ".result";

    private IDatabase Database => redis.GetDatabase();

    /// <inheritdoc/>
    public async ValueTask AppendAsync(TurnRecord turn, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(turn);
        cancellationToken.ThrowIfCancellationRequested();
        var body = JsonSerializer.SerializeToUtf8Bytes(turn, AxpoJson.Line);
        var batch = Database.CreateTransaction();
        _ = batch.HashSetAsync(Turns(turn.Episode.ToString()), Field(turn.Attempt, turn.Turn), body, When.NotExists);
        _ = batch.SetAddAsync(Episodes(turn.Episode.Run, turn.Episode.Step), turn.Episode.ToString());
        _ = batch.SortedSetAddAsync(Steps(turn.Episode.Run), turn.Episode.Step, turn.Episode.Step);
        await batch.ExecuteAsync().OrIOException();
    }

    /// <inheritdoc/>
    public async ValueTask AppendResultAsync(EpisodeId episode, int attempt, int turn, ToolResult result, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(episode);
        cancellationToken.ThrowIfCancellationRequested();
        await Database.HashSetAsync(Turns(episode.ToString()), Field(attempt, turn) + Result, JsonSerializer.SerializeToUtf8Bytes(result, AxpoJson.Line), When.NotExists).OrIOException();
    }

    /// <inheritdoc/>
    public async ValueTask<IReadOnlyList<TurnRecord>> ReadAsync(EpisodeId episode, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(episode);
        cancellationToken.ThrowIfCancellationRequested();
        var fields = (await Database.HashGetAllAsync(Turns(episode.ToString())).OrIOException()).ToDictionary(e => e.Name.ToString(), e => (byte[])e.Value!, StringComparer.Ordinal);
        var turns = fields.Where(f => !f.Key.EndsWith(Result, StringComparison.Ordinal))
            .Select(f => (JsonSerializer.Deserialize<TurnRecord>(f.Value, AxpoJson.Line) ?? throw new InvalidDataException($"turns of {episode}: an empty record"), fields.GetValueOrDefault(f.Key + Result)))
            .Select(t => t.Item2 is { } result ? t.Item1 with { Result = JsonSerializer.Deserialize<ToolResult>(result, AxpoJson.Line) } : t.Item1)
            .ToArray();
        var newest = turns.Length == 0 ? 0 : turns.Max(t => t.Attempt);
        return [.. turns.Where(t => t.Attempt == newest).OrderBy(t => t.Turn)];
    }

    /// <inheritdoc/>
    public async ValueTask ForgetAsync(string run, int throughStep, CancellationToken cancellationToken)
    {
        foreach (var step in await Database.SortedSetRangeByScoreAsync(Steps(run), stop: throughStep).OrIOException())
        {
            cancellationToken.ThrowIfCancellationRequested();
            var episodes = Episodes(run, (int)step);
            RedisKey[] keys = [.. (await Database.SetMembersAsync(episodes).OrIOException()).Select(e => (RedisKey)Turns(e!)), episodes];
            await Database.KeyDeleteAsync(keys).OrIOException();
            await Database.SortedSetRemoveAsync(Steps(run), step).OrIOException();
        }
    }

    private static string Field(int attempt, int turn) => string.Create(CultureInfo.InvariantCulture, $"{attempt}.{turn}");

    private string Turns(string episode) => $"{cluster.Name}/turns/{episode}";

    private string Episodes(string run, int step) => string.Create(CultureInfo.InvariantCulture, $"{cluster.Name}/turns-of/{run}/{step}");

    private string Steps(string run) => $"{cluster.Name}/turn-steps/{run}";
}
