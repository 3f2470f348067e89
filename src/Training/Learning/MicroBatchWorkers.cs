using Axpo.Training.Models;
using Axpo.Training.Native;
using Axpo.Training.Threads;
using TorchSharp;
using static TorchSharp.torch;

namespace Axpo.Training.Learning;

/// <summary>
/// Data-parallel workers over micro-batches on the CPU: one thread each, the same weights, gradients of their own, which are added up in a fixed order. Which worker takes which micro-batch never depends on time, so with
/// the same number of workers the sums are the same bits. One worker is the caller's own thread with its intra-op threads.
/// </summary>
internal sealed class MicroBatchWorkers : IDisposable
{
    /// <summary>Tokens of a worker's micro-batch at most: what a layer makes of them stays in the processor's caches.</summary>
    public const int CachedTokens = 512;

    // What the gradients of further workers may take. A model too large for it keeps a core's threads together in fewer workers.
    private const long GradientBytes = 2L << 30;

    private readonly Decoder[] _policies;
    private readonly ThreadTeam? _team;

    /// <summary>Starts the workers.</summary>
    /// <param name="policy">The weights; the first worker's gradients are theirs.</param>
    /// <param name="threads">Cores to use.</param>
    public MicroBatchWorkers(Decoder policy, int threads)
    {
        var count = FusedLayer.Serves(policy.Head) ? CountFor(policy.Trained.Sum(p => p.Value.numel()), threads) : 1;
        _policies = [policy, .. Enumerable.Range(1, count - 1).Select(_ => policy.Share())];
        _team = count == 1 ? null : new ThreadTeam("axpo-learner", count, Math.Max(1, threads / count));
        MostTokens = FusedLayer.Serves(policy.Head) ? CachedTokens : int.MaxValue;
    }

    /// <summary>Workers.</summary>
    public int Count => _policies.Length;

    /// <summary>Tokens of a micro-batch at most.</summary>
    public int MostTokens { get; }

    /// <summary>Workers of a policy in float32 on the CPU.</summary>
    /// <param name="trained">Numbers that are trained.</param>
    /// <param name="threads">Cores to use.</param>
    public static int CountFor(long trained, int threads) => (int)Math.Clamp(1 + (GradientBytes / (trained * sizeof(float))), 1, threads);

    /// <summary>Does work on micro-batches, each worker on every so manieth.</summary>
    /// <param name="micros">Micro-batches.</param>
    /// <param name="work">Does it with a worker's policy; what it returns must not belong to a dispose scope.</param>
    /// <param name="cancellationToken">Cancels between micro-batches.</param>
    /// <returns>What the work returned, in the order of the micro-batches.</returns>
    public T[] Run<TMicro, T>(IReadOnlyList<TMicro> micros, Func<Decoder, TMicro, T> work, CancellationToken cancellationToken)
    {
        var results = new T[micros.Count];
        if (_team is null)
        {
            Share(0);
        }
        else
        {
            _team.Run(Share);
        }

        return results;

        void Share(int worker)
        {
            for (var i = worker; i < micros.Count; i += Count)
            {
                cancellationToken.ThrowIfCancellationRequested();
                results[i] = work(_policies[worker], micros[i]);
            }
        }
    }

    /// <summary>Adds the other workers' gradients to the first one's, and forgets them.</summary>
    public void SumGradients()
    {
        using var guard = no_grad();
        foreach (var other in _policies.Skip(1))
        {
            for (var i = 0; i < other.Trained.Count; i++)
            {
                using var scope = NewDisposeScope();
                if (other.Trained[i].Value.grad is not { } gradient)
                {
                    continue;
                }

                var first = _policies[0].Trained[i].Value;
                if (first.grad is { } sum)
                {
                    sum.IncreaseBy(gradient);
                }
                else
                {
                    first.grad = gradient;
                }

                other.Trained[i].Value.grad = null;
            }
        }
    }

    /// <summary>Forgets the gradients of all but the first worker, whatever state they are in.</summary>
    public void ZeroGradients()
    {
        foreach (var (_, value) in _policies.Skip(1).SelectMany(p => p.Trained))
        {
            using var gradient = value.grad;
            value.grad = null;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _team?.Dispose();
        foreach (var other in _policies.Skip(1))
        {
            other.Dispose();
        }
    }
}
