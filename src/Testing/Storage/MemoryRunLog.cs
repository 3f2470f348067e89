namespace Axpo.Testing;

/// <summary>Metrics rows and drop ledger in memory.</summary>
public sealed class MemoryRunLog : IRunLog
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, SortedDictionary<int, MetricsRow>> _rows = new(StringComparer.Ordinal);
    private readonly Dictionary<string, List<DropRecord>> _drops = new(StringComparer.Ordinal);
    private readonly Dictionary<string, RunEnd?> _ends = new(StringComparer.Ordinal);

    /// <summary>How a run ended; null: it has not.</summary>
    public RunEnd? End(string run)
    {
        lock (_gate)
        {
            return _ends.GetValueOrDefault(run);
        }
    }

    /// <summary>Steps of the rows in the order in which they were written, repetitions included.</summary>
    public List<int> Written { get; } = [];

    /// <summary>The drop ledger of a run.</summary>
    public IReadOnlyList<DropRecord> Drops(string run)
    {
        lock (_gate)
        {
            return [.. _drops.GetValueOrDefault(run) ?? []];
        }
    }

    /// <inheritdoc/>
    public ValueTask WriteAsync(string run, MetricsRow row, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(row);
        lock (_gate)
        {
            Written.Add(row.Step);
            if (!_rows.TryGetValue(run, out var rows))
            {
                _rows[run] = rows = [];
            }

            foreach (var later in rows.Keys.Where(s => s > row.Step).ToArray())
            {
                rows.Remove(later);
            }

            rows[row.Step] = row;
        }

        return ValueTask.CompletedTask;
    }

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<MetricsRow>> ReadAsync(string run, CancellationToken cancellationToken)
    {
        lock (_gate)
        {
            return ValueTask.FromResult<IReadOnlyList<MetricsRow>>(_rows.TryGetValue(run, out var rows) ? [.. rows.Values] : []);
        }
    }

    /// <inheritdoc/>
    public ValueTask DropAsync(string run, DropRecord record, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(record);
        lock (_gate)
        {
            if (!_drops.TryGetValue(run, out var drops))
            {
                _drops[run] = drops = [];
            }

            if (drops.All(d => (d.Episode, d.Attempts) != (record.Episode, record.Attempts)))
            {
                drops.Add(record);
            }
        }

        return ValueTask.CompletedTask;
    }

    /// <inheritdoc/>
    public ValueTask EndedAsync(string run, RunEnd? end, CancellationToken cancellationToken)
    {
        lock (_gate)
        {
            _ends[run] = end;
        }

        return ValueTask.CompletedTask;
    }
}
