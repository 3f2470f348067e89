using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;

namespace Axpo.Testing;

/// <summary>A learner without weights: it counts steps, keeps its batches, and its checkpoints live in memory (nothing is written to disk).</summary>
public sealed class FakeLearner : ILearner
{
    private readonly ConcurrentDictionary<string, int> _checkpoints = new(StringComparer.Ordinal);
    private readonly ConcurrentQueue<UpdateBatch> _batches = new();

    /// <inheritdoc/>
    public int Step { get; private set; }

    /// <summary>Awaited inside every update.</summary>
    public Func<UpdateBatch, CancellationToken, Task>? Gate { get; set; }

    /// <summary>Every applied batch, in order.</summary>
    public IReadOnlyCollection<UpdateBatch> Batches => _batches;

    /// <summary>Folders that were written, with their steps.</summary>
    public IReadOnlyDictionary<string, int> Checkpoints => _checkpoints;

    /// <summary>Lets a checkpoint of an earlier process exist.</summary>
    public void Restore(string folder, int step) => _checkpoints[folder] = step;

    /// <summary>Knows the checkpoints that another one wrote: a process that goes on after it died.</summary>
    public void Restore(FakeLearner other)
    {
        ArgumentNullException.ThrowIfNull(other);
        foreach (var (folder, step) in other.Checkpoints)
        {
            Restore(folder, step);
        }
    }

    /// <inheritdoc/>
    public async Task<UpdateResult> UpdateAsync(UpdateBatch batch, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(batch);
        if (Gate is { } gate)
        {
            await gate(batch, cancellationToken);
        }

        cancellationToken.ThrowIfCancellationRequested();
        if (batch.Step != Step + 1)
        {
            throw new InvalidOperationException($"batch '{batch.Id}' makes step {batch.Step}, but the learner holds step {Step}");
        }

        _batches.Enqueue(batch);
        Step = batch.Step;
        var lossTokens = batch.Sequences.Sum(s => s.IsLoss.Count(l => l));
        return new UpdateResult
        {
            Step = Step,
            Loss = 0,
            PolicyLoss = 0,
            Kl = 0,
            ClipFraction = 0,
            Entropy = 0,
            GradientNorm = 0,
            MismatchK3 = 0,
            MismatchOutside = 0,
            MismatchMax = 0,
            LossTokens = lossTokens,
            TrainedTokens = batch.Sequences.Sum(s => s.Tokens.Length),
        };
    }

    /// <inheritdoc/>
    public Task<BlobRef> SaveAsync(string folder, CancellationToken cancellationToken)
    {
        if (!_checkpoints.TryAdd(folder, Step))
        {
            throw new IOException($"checkpoint '{folder}' exists; checkpoints are never overwritten");
        }

        return Task.FromResult(new BlobRef(folder, Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(folder)))));
    }

    /// <inheritdoc/>
    public Task LoadAsync(string folder, CancellationToken cancellationToken)
    {
        Step = _checkpoints.GetValueOrDefault(folder);
        return Task.CompletedTask;
    }
}
