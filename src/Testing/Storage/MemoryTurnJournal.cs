namespace Axpo.Testing;

/// <summary>Turns in memory, shared by every silo of a test cluster.</summary>
public sealed class MemoryTurnJournal : ITurnJournal
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, (EpisodeId Id, SortedDictionary<(int Attempt, int Turn), TurnRecord> Turns)> _episodes = new(StringComparer.Ordinal);

    /// <summary>Thrown by every Append while set.</summary>
    public Exception? Outage { get; set; }

    /// <summary>Called after every append: an event to wait for.</summary>
    public Action<TurnRecord>? Appended { get; set; }

    /// <summary>Called after every result.</summary>
    public Action<TurnRecord>? ResultAppended { get; set; }

    /// <inheritdoc/>
    public ValueTask AppendAsync(TurnRecord turn, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(turn);
        if (Outage is { } outage)
        {
            return ValueTask.FromException(outage);
        }

        lock (_gate)
        {
            if (!_episodes.TryGetValue(turn.Episode.ToString(), out var found))
            {
                _episodes[turn.Episode.ToString()] = found = (turn.Episode, []);
            }

            found.Turns.TryAdd((turn.Attempt, turn.Turn), turn);
        }

        Appended?.Invoke(turn);
        return ValueTask.CompletedTask;
    }

    /// <inheritdoc/>
    public ValueTask AppendResultAsync(EpisodeId episode, int attempt, int turn, ToolResult result, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(episode);
        if (Outage is { } outage)
        {
            return ValueTask.FromException(outage);
        }

        TurnRecord record;
        lock (_gate)
        {
            var turns = _episodes[episode.ToString()].Turns;
            record = turns[(attempt, turn)];
            turns[(attempt, turn)] = record = record with { Result = record.Result ?? result };
        }

        ResultAppended?.Invoke(record);
        return ValueTask.CompletedTask;
    }

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<TurnRecord>> ReadAsync(EpisodeId episode, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(episode);
        lock (_gate)
        {
            if (!_episodes.TryGetValue(episode.ToString(), out var found))
            {
                return ValueTask.FromResult<IReadOnlyList<TurnRecord>>([]);
            }

            var newest = found.Turns.Keys.Max(k => k.Attempt);
            return ValueTask.FromResult<IReadOnlyList<TurnRecord>>([.. found.Turns.Where(t => t.Key.Attempt == newest).Select(t => t.Value)]);
        }
    }

    /// <inheritdoc/>
    public ValueTask ForgetAsync(string run, int throughStep, CancellationToken cancellationToken)
    {
        lock (_gate)
        {
            foreach (var key in _episodes.Where(e => e.Value.Id.Run == run && e.Value.Id.Step <= throughStep).Select(e => e.Key).ToArray())
            {
                _episodes.Remove(key);
            }
        }

        return ValueTask.CompletedTask;
    }
}
