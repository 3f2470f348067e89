using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text.Json;

namespace Axpo.Silo.Storage;

/// <summary>
/// One file of rollouts, a JSON object a line, appended with group commit and flushed to the disk by the one process that writes it; others may read it meanwhile.
/// A line <c>{"id":...,"superseded":true}</c> takes an earlier one back: another silo's rollout of that id counts, or a later attempt at a Void one, which follows.
/// </summary>
internal sealed class TrajectoryFile : IAsyncDisposable
{
    private readonly string _path;
    private readonly Lock _scan = new();
    private readonly ConcurrentDictionary<string, (long Offset, int Length, BlobRef Ref)> _index = new(StringComparer.Ordinal);
    private readonly GroupCommit<(string Id, byte[] Line, BlobRef? Ref)>? _writer;
    private FileStream? _file;
    private long _scanned;

    /// <summary>Opens a file.</summary>
    /// <param name="path">Where it is; it is created when it is written.</param>
    /// <param name="readOnly">Whether another process writes it.</param>
    public TrajectoryFile(string path, bool readOnly)
    {
        _path = path;
        if (readOnly)
        {
            Refresh();
            return;
        }

        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        _file = new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read, 1, FileOptions.Asynchronous);
        Scan(_file);
        _file.SetLength(_scanned);
        _writer = new GroupCommit<(string, byte[], BlobRef?)>(batch => WriteAsync(_file, batch));
    }

    /// <summary>Finds what another process appended since; whoever writes knows its own file.</summary>
    public void Refresh()
    {
        if (_writer is not null)
        {
            return;
        }

        lock (_scan)
        {
            if (_file is null && File.Exists(_path))
            {
                _file = new FileStream(_path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, 1, FileOptions.Asynchronous);
            }

            if (_file is not null)
            {
                Scan(_file);
            }
        }
    }

    private void Rescan()
    {
        lock (_scan)
        {
            _index.Clear();
            _scanned = 0;
        }

        Refresh();
    }

    /// <summary>Ids of the rollouts in it, in no order.</summary>
    public IEnumerable<string> Ids() => _index.Keys;

    /// <summary>Whether a rollout is known to be here.</summary>
    public bool Holds(EpisodeId id) => _index.ContainsKey(id.ToString());

    /// <summary>Takes a rollout back: another silo's of the same id counts.</summary>
    public async ValueTask SupersedeAsync(EpisodeId id, CancellationToken cancellationToken)
    {
        var line = JsonSerializer.SerializeToUtf8Bytes(new { id = id.ToString(), superseded = true }, AxpoJson.Line);
        await _writer!.AddAsync((id.ToString(), line, null), cancellationToken);
    }

    /// <summary>Stores a rollout, unless one of its id that counts is here already.</summary>
    /// <returns>The one that counts.</returns>
    public async ValueTask<StoredRollout> PutAsync(Rollout rollout, CancellationToken cancellationToken)
    {
        var id = rollout.Id.ToString();
        if (await TryGetAsync(rollout.Id, cancellationToken) is { } there)
        {
            if (!rollout.Replaces(there.Rollout))
            {
                return there;
            }

            await SupersedeAsync(rollout.Id, cancellationToken);
        }

        var line = JsonSerializer.SerializeToUtf8Bytes(rollout, AxpoJson.Line);
        var reference = Reference(id, line);
        await _writer!.AddAsync((id, line, reference), cancellationToken);

        // Of two that were stored at once the first stays.
        return _index.TryGetValue(id, out var entry) && entry.Ref == reference
            ? new StoredRollout(rollout, reference)
            : await TryGetAsync(rollout.Id, cancellationToken) ?? throw new IOException($"rollout {id} was taken back while it was stored");
    }

    /// <summary>Reads a rollout; null: not here.</summary>
    public async ValueTask<StoredRollout?> TryGetAsync(EpisodeId id, CancellationToken cancellationToken)
    {
        if (!_index.ContainsKey(id.ToString()))
        {
            Refresh();
        }

        for (var again = false; _index.TryGetValue(id.ToString(), out var entry); again = true)
        {
            var buffer = new byte[entry.Length];
            var read = await RandomAccess.ReadAsync(_file!.SafeFileHandle, buffer, entry.Offset, cancellationToken);
            if (Reference(id.ToString(), buffer.AsSpan(0, read)) == entry.Ref)
            {
                return new StoredRollout(Parse(id, buffer), entry.Ref);
            }

            if (again || _writer is not null)
            {
                throw new InvalidDataException($"rollout {id} in {_path} does not have the hash that it was stored with; the file was changed by another program");
            }

            // Its writer took back a batch that the disk had no room for, after this reader had seen it.
            Rescan();
        }

        return null;
    }

    private Rollout Parse(EpisodeId id, byte[] line) =>
        JsonSerializer.Deserialize<Rollout>(line, AxpoJson.Line) ?? throw new InvalidDataException($"rollout {id} is empty in {_path}");

    public async ValueTask DisposeAsync()
    {
        if (_writer is not null)
        {
            await _writer.DisposeAsync();
        }

        if (_file is not null)
        {
            await _file.DisposeAsync();
        }
    }

    private static BlobRef Reference(string id, ReadOnlySpan<byte> line) => new(id, Convert.ToHexStringLower(SHA256.HashData(line)));

    private async ValueTask WriteAsync(FileStream file, IReadOnlyList<(string Id, byte[] Line, BlobRef? Ref)> batch)
    {
        var start = file.Length;
        var at = start;
        var fresh = new Dictionary<string, (long, int, BlobRef)>(StringComparer.Ordinal);
        var gone = new List<string>();
        using var buffer = new MemoryStream();
        foreach (var (id, line, reference) in batch)
        {
            if (reference is null)
            {
                gone.Add(id);
            }
            else if (_index.ContainsKey(id) || !fresh.TryAdd(id, (at, line.Length, reference)))
            {
                continue;
            }

            buffer.Write(line);
            buffer.WriteByte((byte)'\n');
            at += line.Length + 1;
        }

        try
        {
            await RandomAccess.WriteAsync(file.SafeFileHandle, buffer.GetBuffer().AsMemory(0, (int)buffer.Length), start);
            RandomAccess.FlushToDisk(file.SafeFileHandle);
        }
        catch
        {
            // Half a line (a full disk) must not stand before the next batch.
            RandomAccess.SetLength(file.SafeFileHandle, start);
            throw;
        }

        foreach (var (id, entry) in fresh)
        {
            _index[id] = entry;
        }

        gone.ForEach(id => _index.TryRemove(id, out _));
    }

    /// <summary>Indexes the whole lines from where the last scan ended.</summary>
    private void Scan(FileStream file)
    {
        var content = new byte[file.Length - _scanned];
        content = content[..RandomAccess.Read(file.SafeFileHandle, content, _scanned)];
        var start = 0;
        while (content.AsSpan(start).IndexOf((byte)'\n') is >= 0 and var length)
        {
            var line = content.AsSpan(start, length);
            var (id, isSuperseded) = ReadId(line);
            if (isSuperseded)
            {
                _index.TryRemove(id, out _);
            }
            else
            {
                _index.TryAdd(id, (_scanned + start, length, Reference(id, line)));
            }

            start += length + 1;
        }

        _scanned += start;
    }

    private (string Id, bool IsSuperseded) ReadId(ReadOnlySpan<byte> line)
    {
        var reader = new Utf8JsonReader(line);
        if (reader.Read() && reader.Read() && reader.ValueTextEquals("id"u8) && reader.Read() && reader.GetString() is { } id)
        {
            return (id, reader.Read() && reader.TokenType == JsonTokenType.PropertyName && reader.ValueTextEquals("superseded"u8));
        }

        throw new InvalidDataException($"{_path}: a line does not begin with a rollout's id; the file was changed by another program");
    }
}
