using System.Collections.Concurrent;

namespace Axpo.Silo.Storage;

/// <summary>
/// The rollouts of one phase and step: this process's file, if it writes, and those of other silos. <c>{stem}.jsonl</c> is the file of an embedded silo,
/// <c>{stem}@{silo}.jsonl</c> that of a silo of a cluster.
/// </summary>
internal sealed class TrajectoryStep : IAsyncDisposable
{
    private readonly string _folder;
    private readonly string _stem;
    private readonly string? _writer;
    private readonly IRolloutClaims? _claims;
    private readonly Lock _creation = new();
    private TrajectoryFile? _own;
    private readonly ConcurrentDictionary<string, TrajectoryFile> _others = new(StringComparer.Ordinal);

    /// <summary>Opens a step.</summary>
    /// <param name="folder">Folder of the run's trajectories.</param>
    /// <param name="stem">Phase and step.</param>
    /// <param name="readOnly">Whether nothing is written.</param>
    /// <param name="writer">Name of the silo in a cluster; null: the only silo.</param>
    /// <param name="claims">Whose rollout counts in a cluster; null: the only silo.</param>
    public TrajectoryStep(string folder, string stem, bool readOnly, string? writer, IRolloutClaims? claims)
    {
        (_folder, _stem, _writer, _claims) = (folder, stem, writer, claims);

        // Who only reads leaves no empty file of its own.
        if (!readOnly && File.Exists(PathOf(writer)))
        {
            Own();
        }
    }

    /// <summary>The name of a step's file without its silo; null: no such file.</summary>
    public static string? StemOf(string path)
    {
        var name = Path.GetFileNameWithoutExtension(path);
        return name.Split('@')[0] is { Length: > 0 } stem ? stem : null;
    }

    /// <summary>Ids of every rollout.</summary>
    public IReadOnlyList<EpisodeId> Ids()
    {
        Refresh();
        return [.. Files().SelectMany(f => f.Ids()).Distinct(StringComparer.Ordinal).Select(EpisodeId.Parse)
            .OrderBy(i => i.Question).ThenBy(i => i.Rollout).ThenBy(i => i.Path.ToString(), StringComparer.Ordinal)];
    }

    /// <summary>Stores a rollout, unless one of its id that counts is stored already.</summary>
    /// <returns>The one that counts.</returns>
    public async ValueTask<StoredRollout> PutAsync(Rollout rollout, CancellationToken cancellationToken)
    {
        if (_claims is null || _writer is null)
        {
            return await Own().PutAsync(rollout, cancellationToken);
        }

        var owner = await _claims.ClaimAsync(rollout.Id, _writer, cancellationToken);
        if (owner != _writer && await FileOf(owner).TryGetAsync(rollout.Id, cancellationToken) is { } stored && !rollout.Replaces(stored.Rollout))
        {
            return stored;
        }

        if (owner != _writer)
        {
            // Whoever claimed it died, or stands still, before it was stored; or it is a Void one that was tried again.
            owner = await _claims.TakeOverAsync(rollout.Id, owner, _writer, cancellationToken);
        }

        if (owner != _writer)
        {
            return await CountedAsync(owner, rollout.Id, cancellationToken);
        }

        var own = await Own().PutAsync(rollout, cancellationToken);
        owner = await _claims.OwnerAsync(rollout.Id, cancellationToken) ?? _writer;
        if (owner == _writer)
        {
            return own;
        }

        await Own().SupersedeAsync(rollout.Id, cancellationToken);
        return await CountedAsync(owner, rollout.Id, cancellationToken);
    }

    /// <summary>Reads a rollout.</summary>
    /// <exception cref="KeyNotFoundException">It is not stored.</exception>
    public async ValueTask<Rollout> GetAsync(EpisodeId id, CancellationToken cancellationToken)
    {
        if (_claims is not null && await _claims.OwnerAsync(id, cancellationToken) is { } owner)
        {
            return (await FileOf(owner).TryGetAsync(id, cancellationToken) ?? throw NotStored(id)).Rollout;
        }

        if (!Holders(id).Any())
        {
            Refresh();
        }

        // Without claims (a reader of a cluster's files) the later attempt at a Void one counts.
        Rollout? counts = null;
        foreach (var file in Holders(id).ToArray())
        {
            if (await file.TryGetAsync(id, cancellationToken) is { } stored)
            {
                counts = counts is null || stored.Rollout.Replaces(counts) ? stored.Rollout : counts;
            }
        }

        return counts ?? throw NotStored(id);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        foreach (var file in Files())
        {
            await file.DisposeAsync();
        }
    }

    private async ValueTask<StoredRollout> CountedAsync(string owner, EpisodeId id, CancellationToken cancellationToken) =>
        await FileOf(owner).TryGetAsync(id, cancellationToken) ?? throw new IOException($"rollout {id}: silo '{owner}' is storing it");

    private KeyNotFoundException NotStored(EpisodeId id) => new($"rollout {id} is not stored in {_stem}");

    /// <summary>The file of this process, created when it is first written.</summary>
    private TrajectoryFile Own()
    {
        lock (_creation)
        {
            return _own ??= new TrajectoryFile(PathOf(_writer), readOnly: false);
        }
    }

    private IEnumerable<TrajectoryFile> Files() => _own is null ? _others.Values : _others.Values.Prepend(_own);

    private IEnumerable<TrajectoryFile> Holders(EpisodeId id) => Files().Where(f => f.Holds(id));

    private TrajectoryFile FileOf(string writer)
    {
        if (writer == _writer)
        {
            return Own();
        }

        var file = _others.GetOrAdd(PathOf(writer), path => new TrajectoryFile(path, readOnly: true));
        file.Refresh();
        return file;
    }

    /// <summary>Finds the files of other silos, and what they hold by now.</summary>
    private void Refresh()
    {
        if (!Directory.Exists(_folder))
        {
            return;
        }

        var own = _own is null ? null : PathOf(_writer);
        foreach (var path in Directory.EnumerateFiles(_folder, _stem + "*.jsonl").Where(p => p != own && StemOf(p) == _stem).Order(StringComparer.Ordinal))
        {
            _others.GetOrAdd(path, p => new TrajectoryFile(p, readOnly: true)).Refresh();
        }
    }

    private string PathOf(string? writer) => Path.Combine(_folder, writer is null ? $"{_stem}.jsonl" : $"{_stem}@{writer}.jsonl");
}
