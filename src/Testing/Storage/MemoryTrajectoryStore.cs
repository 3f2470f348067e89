using System.Collections.Concurrent;
using System.Globalization;
using System.Runtime.CompilerServices;

namespace Axpo.Testing;

/// <summary>Rollouts in memory, shared by every silo of a test cluster.</summary>
public sealed class MemoryTrajectoryStore : ITrajectoryStore
{
    private readonly ConcurrentDictionary<string, Rollout> _rollouts = new(StringComparer.Ordinal);
    private int _puts;

    /// <summary>Thrown by every Put while set.</summary>
    public Exception? Outage { get; set; }

    /// <summary>Rollouts stored, each once.</summary>
    public int Count => _rollouts.Count;

    /// <summary>Calls of Put, repetitions included.</summary>
    public int Puts => Volatile.Read(ref _puts);

    /// <summary>The newest step up to which a run was closed; 0: none.</summary>
    public int ClosedThrough { get; private set; }

    /// <inheritdoc/>
    public ValueTask CloseAsync(string run, int throughStep)
    {
        ClosedThrough = Math.Max(ClosedThrough, throughStep);
        return ValueTask.CompletedTask;
    }

    /// <inheritdoc/>
    public ValueTask<StoredRollout> PutAsync(Rollout rollout, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(rollout);
        if (Outage is { } outage)
        {
            return ValueTask.FromException<StoredRollout>(outage);
        }

        Interlocked.Increment(ref _puts);
        var id = rollout.Id.ToString();
        var stored = _rollouts.AddOrUpdate(id, rollout, (_, old) => rollout.Replaces(old) ? rollout : old);
        return ValueTask.FromResult(new StoredRollout(stored, new BlobRef(id, stored.Tokens.Length.ToString(CultureInfo.InvariantCulture))));
    }

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<Rollout>> GetAsync(IReadOnlyList<EpisodeId> ids, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(ids);
        var found = new List<Rollout>(ids.Count);
        foreach (var id in ids)
        {
            if (!_rollouts.TryGetValue(id.ToString(), out var rollout))
            {
                return ValueTask.FromException<IReadOnlyList<Rollout>>(new KeyNotFoundException($"rollout {id} is not stored"));
            }

            found.Add(rollout);
        }

        return ValueTask.FromResult<IReadOnlyList<Rollout>>(found);
    }

    /// <inheritdoc/>
    public async IAsyncEnumerable<Rollout> ListAsync(string run, Phase? phase, int? step, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await Task.CompletedTask;
        foreach (var rollout in _rollouts.Values.Where(r => r.Id.Run == run && (phase is null || r.Id.Phase == phase) && (step is null || r.Id.Step == step))
            .OrderBy(r => r.Id.Phase).ThenBy(r => r.Id.Step).ThenBy(r => r.Id.Question).ThenBy(r => r.Id.Rollout).ThenBy(r => r.Id.Path.ToString(), StringComparer.Ordinal))
        {
            cancellationToken.ThrowIfCancellationRequested();
            yield return rollout;
        }
    }
}
