using System.Collections.Concurrent;
using System.Text;
using System.Text.Json;

namespace Axpo.Silo.Storage;

/// <summary>
/// <c>metrics.jsonl</c> and <c>drops.jsonl</c> of a run. Metrics are rewritten whole and atomically: a row of the same step is replaced and later
/// rows are cut, so the file never has a gap or a repeat.
/// </summary>
public sealed class FileRunLog(RunFolders folders) : IRunLog
{
    private readonly ConcurrentDictionary<string, SemaphoreSlim> _locks = new(StringComparer.Ordinal);

    /// <inheritdoc/>
    public async ValueTask WriteAsync(string run, MetricsRow row, CancellationToken cancellationToken)
    {
        using var _ = await EnterAsync(run, cancellationToken);
        var rows = (await ReadLinesAsync<MetricsRow>(folders.Metrics(run), cancellationToken)).Where(r => r.Step < row.Step).Append(row);
        await AtomicFile.WriteAsync(folders.Metrics(run), Lines(rows), cancellationToken);
    }

    /// <inheritdoc/>
    public async ValueTask<IReadOnlyList<MetricsRow>> ReadAsync(string run, CancellationToken cancellationToken) =>
        await ReadLinesAsync<MetricsRow>(folders.Metrics(run), cancellationToken);

    /// <inheritdoc/>
    public async ValueTask DropAsync(string run, DropRecord record, CancellationToken cancellationToken)
    {
        using var _ = await EnterAsync(run, cancellationToken);
        var records = await ReadLinesAsync<DropRecord>(folders.Drops(run), cancellationToken);
        if (records.Any(r => r.Episode == record.Episode))
        {
            return;
        }

        await AtomicFile.WriteAsync(folders.Drops(run), Lines(records.Append(record)), cancellationToken);
    }

    /// <summary>The drop ledger.</summary>
    public async ValueTask<IReadOnlyList<DropRecord>> ReadDropsAsync(string run, CancellationToken cancellationToken) =>
        await ReadLinesAsync<DropRecord>(folders.Drops(run), cancellationToken);

    private static byte[] Lines<T>(IEnumerable<T> items) =>
        Encoding.UTF8.GetBytes(string.Concat(items.Select(i => JsonSerializer.Serialize(i, AxpoJson.Line) + "\n")));

    private static async Task<List<T>> ReadLinesAsync<T>(string path, CancellationToken cancellationToken)
    {
        var items = new List<T>();
        if (!File.Exists(path))
        {
            return items;
        }

        foreach (var line in await File.ReadAllLinesAsync(path, cancellationToken))
        {
            if (line.Length > 0)
            {
                items.Add(JsonSerializer.Deserialize<T>(line, AxpoJson.Line) ?? throw new InvalidDataException($"{path}: a line is null"));
            }
        }

        return items;
    }

    private async ValueTask<Releaser> EnterAsync(string run, CancellationToken cancellationToken)
    {
        var gate = _locks.GetOrAdd(run, _ => new SemaphoreSlim(1, 1));
        await gate.WaitAsync(cancellationToken);
        return new Releaser(gate);
    }

    private readonly struct Releaser(SemaphoreSlim gate) : IDisposable
    {
        public void Dispose() => gate.Release();
    }
}
