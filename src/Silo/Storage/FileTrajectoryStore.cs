using System.Collections.Concurrent;
using System.Globalization;
using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using System.Text.Json;

namespace Axpo.Silo.Storage;

/// <summary>
/// Finished rollouts in <c>runs/{run}/trajectories/{phase}-{step}.jsonl</c>, one JSON object a line, appended with group commit and flushed to the disk.
/// A line that a crash cut short is dropped when the file is opened again: its rollout was never reported as stored.
/// Read-only, it changes and creates nothing, so another process may write the same files meanwhile: a line that is not whole yet is not there yet,
/// and what was appended since is found when it is asked for.
/// </summary>
/// <param name="folders">Where the runs are.</param>
/// <param name="readOnly">Whether files are only read; storing is then an error.</param>
public sealed class FileTrajectoryStore(RunFolders folders, bool readOnly = false) : ITrajectoryStore, IAsyncDisposable
{
    private readonly ConcurrentDictionary<string, Lazy<Task<Shard>>> _shards = new(StringComparer.Ordinal);

    /// <inheritdoc/>
    /// <exception cref="NotSupportedException">The store is read-only.</exception>
    public async ValueTask<BlobRef> PutAsync(Rollout rollout, CancellationToken cancellationToken)
    {
        if (readOnly)
        {
            throw new NotSupportedException($"rollout {rollout.Id}: this store was opened read-only");
        }

        rollout.Validate();
        var shard = await ShardAsync(rollout.Id.Run, rollout.Id.Phase, rollout.Id.Step);
        return await shard.PutAsync(rollout, cancellationToken);
    }

    /// <inheritdoc/>
    public async ValueTask<IReadOnlyList<Rollout>> GetAsync(IReadOnlyList<EpisodeId> ids, CancellationToken cancellationToken)
    {
        var result = new Rollout[ids.Count];
        for (var i = 0; i < result.Length; i++)
        {
            var shard = await ShardAsync(ids[i].Run, ids[i].Phase, ids[i].Step);
            result[i] = await shard.GetAsync(ids[i], cancellationToken);
        }

        return result;
    }

    /// <inheritdoc/>
    public async IAsyncEnumerable<Rollout> ListAsync(string run, Phase? phase, int? step, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var folder = folders.Trajectories(run);
        if (!Directory.Exists(folder))
        {
            yield break;
        }

        var files = new List<(Phase Phase, int Step)>();
        foreach (var path in Directory.EnumerateFiles(folder, "*.jsonl"))
        {
            var name = Path.GetFileNameWithoutExtension(path);
            var dash = name.LastIndexOf('-');
            if (dash > 0 && int.TryParse(name[(dash + 1)..], NumberStyles.None, CultureInfo.InvariantCulture, out var fileStep))
            {
                files.Add((EpisodeId.ParsePhase(name[..dash]), fileStep));
            }
        }

        foreach (var file in files.Where(f => (phase is null || f.Phase == phase) && (step is null || f.Step == step)).OrderBy(f => f.Phase).ThenBy(f => f.Step))
        {
            var shard = await ShardAsync(run, file.Phase, file.Step);
            shard.Refresh();
            foreach (var id in shard.Ids())
            {
                yield return await shard.GetAsync(id, cancellationToken);
            }
        }
    }

    /// <inheritdoc/>
    public async ValueTask CloseAsync(string run, int throughStep)
    {
        foreach (var key in _shards.Keys)
        {
            var parts = key.Split('/');
            if (parts[0] == run && int.Parse(parts[2], CultureInfo.InvariantCulture) <= throughStep && _shards.TryRemove(key, out var shard))
            {
                await (await shard.Value).DisposeAsync();
            }
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        foreach (var key in _shards.Keys)
        {
            if (_shards.TryRemove(key, out var shard))
            {
                await (await shard.Value).DisposeAsync();
            }
        }
    }

    private Task<Shard> ShardAsync(string run, Phase phase, int step)
    {
        var key = string.Create(CultureInfo.InvariantCulture, $"{run}/{EpisodeId.Name(phase)}/{step}");
        var name = string.Create(CultureInfo.InvariantCulture, $"{EpisodeId.Name(phase)}-{step:D5}.jsonl");
        return _shards.GetOrAdd(key, _ => new Lazy<Task<Shard>>(() => Task.Run(() => new Shard(Path.Combine(folders.Trajectories(run), name), readOnly)))).Value;
    }

    private sealed class Shard : IAsyncDisposable
    {
        private readonly string _path;
        private readonly Lock _scan = new();
        private readonly ConcurrentDictionary<string, (long Offset, int Length, BlobRef Ref)> _index = new(StringComparer.Ordinal);
        private readonly GroupCommit<(string Id, byte[] Line, BlobRef Ref)>? _writer;
        private FileStream? _file;
        private long _scanned;

        public Shard(string path, bool readOnly)
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
            _writer = new GroupCommit<(string, byte[], BlobRef)>(batch => WriteAsync(_file, batch));
        }

        /// <summary>Finds what another process appended since; a shard that writes knows its own file.</summary>
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

        public IReadOnlyList<EpisodeId> Ids() =>
            [.. _index.Keys.Select(EpisodeId.Parse).OrderBy(i => i.Question).ThenBy(i => i.Rollout).ThenBy(i => i.Path.ToString(), StringComparer.Ordinal)];

        public async ValueTask<BlobRef> PutAsync(Rollout rollout, CancellationToken cancellationToken)
        {
            var id = rollout.Id.ToString();
            if (_index.TryGetValue(id, out var there))
            {
                return there.Ref;
            }

            var line = JsonSerializer.SerializeToUtf8Bytes(rollout, AxpoJson.Line);
            var reference = Reference(id, line);
            await _writer!.AddAsync((id, line, reference), cancellationToken);
            return _index[id].Ref;
        }

        public async ValueTask<Rollout> GetAsync(EpisodeId id, CancellationToken cancellationToken)
        {
            if (!_index.ContainsKey(id.ToString()))
            {
                Refresh();
            }

            if (!_index.TryGetValue(id.ToString(), out var entry))
            {
                throw new KeyNotFoundException($"rollout {id} is not stored in {Path.GetFileName(_path)}");
            }

            var buffer = new byte[entry.Length];
            await RandomAccess.ReadAsync(_file!.SafeFileHandle, buffer, entry.Offset, cancellationToken);
            return JsonSerializer.Deserialize<Rollout>(buffer, AxpoJson.Line) ?? throw new InvalidDataException($"rollout {id} is empty in {Path.GetFileName(_path)}");
        }

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

        private async ValueTask WriteAsync(FileStream file, IReadOnlyList<(string Id, byte[] Line, BlobRef Ref)> batch)
        {
            var start = file.Length;
            var at = start;
            var fresh = new Dictionary<string, (long, int, BlobRef)>(StringComparer.Ordinal);
            using var buffer = new MemoryStream();
            foreach (var (id, line, reference) in batch)
            {
                if (_index.ContainsKey(id) || fresh.ContainsKey(id))
                {
                    continue;
                }

                fresh[id] = (at, line.Length, reference);
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
                var id = ReadId(line);
                _index.TryAdd(id, (_scanned + start, length, Reference(id, line)));
                start += length + 1;
            }

            _scanned += start;
        }

        private string ReadId(ReadOnlySpan<byte> line)
        {
            var reader = new Utf8JsonReader(line);
            if (reader.Read() && reader.Read() && reader.ValueTextEquals("id"u8) && reader.Read() && reader.GetString() is { } id)
            {
                return id;
            }

            throw new InvalidDataException($"{_path}: a line does not begin with a rollout's id; the file was changed by another program");
        }
    }
}
