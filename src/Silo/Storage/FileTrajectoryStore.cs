using System.Collections.Concurrent;
using System.Globalization;
using System.Runtime.CompilerServices;

namespace Axpo.Silo.Storage;

/// <summary>
/// Finished rollouts in <c>runs/{run}/trajectories/{phase}-{step}.jsonl</c>, one JSON object a line, appended with group commit and flushed to the disk. In a cluster every
/// silo appends to a file of its own, <c>{phase}-{step}@{silo}.jsonl</c>, and reads those of the others.
/// A line that a crash cut short is dropped when the file is opened again: its rollout was never reported as stored.
/// Read-only, it changes and creates nothing, so another process may write the same files meanwhile: a line that is not whole yet is not there yet,
/// and what was appended since is found when it is asked for.
/// </summary>
/// <param name="folders">Where the runs are.</param>
/// <param name="readOnly">Whether files are only read; storing is then an error.</param>
/// <param name="writer">Name of this silo in a cluster; null: the only silo.</param>
/// <param name="claims">Whose rollout counts in a cluster; null: the only silo.</param>
public sealed class FileTrajectoryStore(RunFolders folders, bool readOnly = false, string? writer = null, IRolloutClaims? claims = null) : ITrajectoryStore, IAsyncDisposable
{
    private readonly ConcurrentDictionary<string, Once<TrajectoryStep>> _steps = new(StringComparer.Ordinal);

    /// <inheritdoc/>
    /// <exception cref="NotSupportedException">The store is read-only.</exception>
    public async ValueTask<StoredRollout> PutAsync(Rollout rollout, CancellationToken cancellationToken)
    {
        if (readOnly)
        {
            throw new NotSupportedException($"rollout {rollout.Id}: this store was opened read-only");
        }

        rollout.Validate();
        var rollouts = await StepAsync(rollout.Id.Run, rollout.Id.Phase, rollout.Id.Step);
        return await rollouts.PutAsync(rollout, cancellationToken);
    }

    /// <inheritdoc/>
    public async ValueTask<IReadOnlyList<Rollout>> GetAsync(IReadOnlyList<EpisodeId> ids, CancellationToken cancellationToken)
    {
        var result = new Rollout[ids.Count];
        for (var i = 0; i < result.Length; i++)
        {
            var rollouts = await StepAsync(ids[i].Run, ids[i].Phase, ids[i].Step);
            result[i] = await rollouts.GetAsync(ids[i], cancellationToken);
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

        var files = new HashSet<(Phase Phase, int Step)>();
        foreach (var path in Directory.EnumerateFiles(folder, "*.jsonl"))
        {
            var name = TrajectoryStep.StemOf(path) ?? "";
            var dash = name.LastIndexOf('-');
            if (dash > 0 && int.TryParse(name[(dash + 1)..], NumberStyles.None, CultureInfo.InvariantCulture, out var fileStep))
            {
                files.Add((EpisodeId.ParsePhase(name[..dash]), fileStep));
            }
        }

        foreach (var file in files.Where(f => (phase is null || f.Phase == phase) && (step is null || f.Step == step)).OrderBy(f => f.Phase).ThenBy(f => f.Step))
        {
            var rollouts = await StepAsync(run, file.Phase, file.Step);
            foreach (var id in rollouts.Ids())
            {
                yield return await rollouts.GetAsync(id, cancellationToken);
            }
        }
    }

    /// <inheritdoc/>
    public async ValueTask CloseAsync(string run, int throughStep)
    {
        foreach (var key in _steps.Keys)
        {
            var parts = key.Split('/');
            if (parts[0] == run && int.Parse(parts[2], CultureInfo.InvariantCulture) <= throughStep && _steps.TryRemove(key, out var shard) && shard.Made is { IsFaulted: false } made)
            {
                await (await made).DisposeAsync();
            }
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        foreach (var key in _steps.Keys)
        {
            if (_steps.TryRemove(key, out var shard) && shard.Made is { IsFaulted: false } made)
            {
                await (await made).DisposeAsync();
            }
        }
    }

    private Task<TrajectoryStep> StepAsync(string run, Phase phase, int step)
    {
        var key = string.Create(CultureInfo.InvariantCulture, $"{run}/{EpisodeId.Name(phase)}/{step}");
        var stem = string.Create(CultureInfo.InvariantCulture, $"{EpisodeId.Name(phase)}-{step:D5}");
        return _steps.GetOrAdd(key, _ => new Once<TrajectoryStep>(() => Task.Run(() => new TrajectoryStep(folders.Trajectories(run), stem, readOnly, writer, claims)))).GetAsync();
    }
}
