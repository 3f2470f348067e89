using System.Collections.Concurrent;
using System.Text;
using System.Text.Json;

namespace Axpo.Silo.Storage;

/// <summary>
/// <c>metrics.jsonl</c>, <c>drops.jsonl</c> and <c>end.json</c> of a run. Metrics are rewritten whole and atomically: a row of the same step is replaced and later
/// rows are cut, so the file never has a gap or a repeat. The ledger is appended, flushed to the disk; in a cluster every silo appends to a file of its own, <c>drops@{silo}.jsonl</c>.
/// </summary>
/// <param name="folders">Where the runs are.</param>
/// <param name="writer">Name of this silo in a cluster; null: the only silo.</param>
public sealed class FileRunLog(RunFolders folders, string? writer = null) : IRunLog
{
    private readonly ConcurrentDictionary<string, HashSet<(string Episode, int Attempt)>> _dropped = new(StringComparer.Ordinal);
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
        if (!_dropped.TryGetValue(run, out var dropped))
        {
            _dropped[run] = dropped = [.. (await ReadDropsAsync(run, cancellationToken)).Select(Key)];
        }

        if (!dropped.Contains(Key(record)))
        {
            await AppendAsync(folders.Drops(run, writer), Lines([record]), cancellationToken);
            dropped.Add(Key(record));
        }
    }

    /// <summary>The drop ledger, of all silos; an attempt has one row.</summary>
    public async ValueTask<IReadOnlyList<DropRecord>> ReadDropsAsync(string run, CancellationToken cancellationToken)
    {
        var folder = folders.Of(run);
        var drops = new List<DropRecord>();
        foreach (var path in Directory.Exists(folder) ? Directory.GetFiles(folder, "drops*.jsonl").Order(StringComparer.Ordinal).ToArray() : [])
        {
            drops.AddRange(await ReadLinesAsync<DropRecord>(path, cancellationToken));
        }

        return [.. drops.DistinctBy(Key)];
    }

    /// <inheritdoc/>
    public async ValueTask EndedAsync(string run, RunEnd? end, CancellationToken cancellationToken)
    {
        using var _ = await EnterAsync(run, cancellationToken);
        if (end is null)
        {
            File.Delete(folders.End(run));
            return;
        }

        await AtomicFile.WriteAsync(folders.End(run), JsonSerializer.SerializeToUtf8Bytes(end, AxpoJson.Pretty), cancellationToken);
    }

    /// <summary>How a run ended; null: it has not.</summary>
    public async ValueTask<RunEnd?> ReadEndAsync(string run, CancellationToken cancellationToken) =>
        File.Exists(folders.End(run)) ? JsonSerializer.Deserialize<RunEnd>(await File.ReadAllBytesAsync(folders.End(run), cancellationToken), AxpoJson.Pretty) : null;

    private static (string Episode, int Attempt) Key(DropRecord record) => (record.Episode.ToString(), record.Attempts);

    /// <summary>Appends whole lines; half a line that a crash or a full disk left is cut off first.</summary>
    private static async Task AppendAsync(string path, byte[] lines, CancellationToken cancellationToken)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        var file = new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read, 1, FileOptions.Asynchronous);
        await using (file)
        {
            file.SetLength(EndOfLines(file));
            file.Seek(0, SeekOrigin.End);
            await file.WriteAsync(lines, cancellationToken);
            file.Flush(flushToDisk: true);
        }
    }

    private static long EndOfLines(FileStream file)
    {
        var at = file.Length;
        Span<byte> last = stackalloc byte[1];
        while (at > 0 && RandomAccess.Read(file.SafeFileHandle, last, at - 1) == 1 && last[0] != (byte)'\n')
        {
            at--;
        }

        return at;
    }

    private static byte[] Lines<T>(IEnumerable<T> items) =>
        Encoding.UTF8.GetBytes(string.Concat(items.Select(i => JsonSerializer.Serialize(i, AxpoJson.Line) + "\n")));

    private static async Task<List<T>> ReadLinesAsync<T>(string path, CancellationToken cancellationToken)
    {
        var items = new List<T>();
        if (!File.Exists(path))
        {
            return items;
        }

        // A last line without its end is still being written, or was cut short.
        var text = await File.ReadAllTextAsync(path, cancellationToken);
        foreach (var line in text[..(text.LastIndexOf('\n') + 1)].Split('\n'))
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
