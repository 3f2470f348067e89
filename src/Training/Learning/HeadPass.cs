using Axpo.Training.Devices;
using Axpo.Training.Native;
using static TorchSharp.torch;

namespace Axpo.Training.Learning;

/// <summary>What is done with the entropy of a pass.</summary>
public enum EntropyUse
{
    /// <summary>It is not computed.</summary>
    None,

    /// <summary>Its value is wanted.</summary>
    Value,

    /// <summary>Its value is wanted, and the loss may depend on it.</summary>
    Gradient,
}

/// <summary>
/// Log-probs of tokens from the hidden states that predict them, under the distribution sampled from (logits / temperature), softmax in float32. Logits are made for so many rows at a time that
/// they take <see cref="ComputeDevice.ScratchBytes"/> at most; where that is not all rows, nothing of them is kept, and the backward pass makes them again. Tensors belong to the dispose scope in which the pass was made.
/// </summary>
public sealed class HeadPass : IHeadPass
{
    private readonly Func<Tensor, Tensor> _head;
    private readonly Tensor _rows;
    private readonly Tensor _targets;
    private readonly double _temperature;
    private readonly EntropyUse _use;
    private readonly int _chunk;
    private readonly (Tensor Rows, Scores Scores)? _kept;

    /// <summary>Computes the log-probs; where gradients are on, <see cref="LogProbs"/>, and the entropies if the loss may depend on them, are leaves that require one.</summary>
    /// <param name="head">Logits [r, vocabulary] of hidden states [r, hidden].</param>
    /// <param name="vocabulary">Tokens of the vocabulary.</param>
    /// <param name="rows">Hidden states [m, hidden], taken without their history.</param>
    /// <param name="targets">The token that each predicts [m] int64.</param>
    /// <param name="temperature">Sampling temperature.</param>
    /// <param name="entropy">What is done with the entropy.</param>
    public HeadPass(Func<Tensor, Tensor> head, long vocabulary, Tensor rows, Tensor targets, double temperature, EntropyUse entropy)
    {
        (_head, _targets, _temperature, _use) = (head, targets, temperature, entropy);
        _rows = rows.detach();
        _chunk = RowsPerChunk(vocabulary, rows.device);
        var trains = is_grad_enabled();
        Scores values;
        if (trains && rows.size(0) <= _chunk)
        {
            var leaf = _rows.detach().requires_grad_(true);
            var scores = Score(leaf, 0);
            _kept = (leaf, scores);
            values = new Scores(scores.LogProbs.detach(), scores.Entropies?.detach());
        }
        else
        {
            using var guard = no_grad();
            values = InChunks();
        }

        LogProbs = values.LogProbs.requires_grad_(trains);
        Entropies = values.Entropies?.requires_grad_(trains && entropy == EntropyUse.Gradient);
    }

    /// <summary>Log-probs [m] float32.</summary>
    public Tensor LogProbs { get; }

    /// <summary>Entropies [m] float32, nats; null where they are not wanted.</summary>
    public Tensor? Entropies { get; }

    /// <summary>Rows of which logits are made at once.</summary>
    /// <param name="vocabulary">Tokens of the vocabulary.</param>
    /// <param name="device">Where; null: the CPU.</param>
    public static int RowsPerChunk(long vocabulary, Device? device = null) =>
        (int)Math.Clamp(ComputeDevice.ScratchBytes(device ?? ComputeDevice.Cpu) / (sizeof(float) * vocabulary), 1, int.MaxValue);

    /// <summary>Takes the gradients of <see cref="LogProbs"/> and <see cref="Entropies"/> down to the head's weights, which gather theirs, and to the hidden states.</summary>
    /// <returns>Gradient of the hidden states [m, hidden].</returns>
    public Tensor Backward()
    {
        using var scope = NewDisposeScope();
        var logProbs = LogProbs.grad ?? zeros_like(LogProbs);
        var entropies = Entropies?.grad;
        if (_kept is { } kept)
        {
            Backward(kept.Scores, logProbs, entropies);
            return kept.Rows.grad!.MoveToOuterDisposeScope();
        }

        var gradients = new List<Tensor>();
        for (var at = 0L; at < _rows.size(0); at += _chunk)
        {
            using var chunk = NewDisposeScope();
            var rows = Chunk(_rows, at).detach().requires_grad_(true);
            Backward(Score(rows, at), Chunk(logProbs, at), entropies is null ? null : Chunk(entropies, at));
            gradients.Add(rows.grad!.MoveToOuterDisposeScope());
        }

        return cat(gradients).MoveToOuterDisposeScope();
    }

    private static void Backward(Scores scores, Tensor logProbs, Tensor? entropies)
    {
        if (entropies is null)
        {
            scores.LogProbs.backward([logProbs]);
        }
        else
        {
            autograd.backward([scores.LogProbs, scores.Entropies!], [logProbs, entropies]);
        }
    }

    private Scores InChunks()
    {
        var parts = new List<Scores>();
        for (var at = 0L; at < _rows.size(0); at += _chunk)
        {
            parts.Add(Score(Chunk(_rows, at), at));
        }

        return parts.Count == 1
            ? parts[0]
            : new Scores(cat([.. parts.Select(p => p.LogProbs)]), _use == EntropyUse.None ? null : cat([.. parts.Select(p => p.Entropies!)]));
    }

    private Scores Score(Tensor rows, long at)
    {
        using var scope = NewDisposeScope();
        var logits = _head(rows).to(ScalarType.Float32);
        if (_temperature != 1.0)
        {
            logits = logits.Over(_temperature);
        }

        var all = logits.log_softmax(-1);
        var chosen = all.gather(1, Chunk(_targets, at).unsqueeze(1)).squeeze(1);
        var entropies = _use switch
        {
            EntropyUse.None => null,
            EntropyUse.Value => Entropy(all.detach()),
            _ => Entropy(all),
        };
        return new Scores(chosen.MoveToOuterDisposeScope(), entropies?.MoveToOuterDisposeScope());
    }

    private static Tensor Entropy(Tensor all) => -(all.exp() * all).sum(-1);

    private Tensor Chunk(Tensor of, long at) => of.narrow(0, at, Math.Min(_chunk, of.size(0) - at));

    private sealed record Scores(Tensor LogProbs, Tensor? Entropies);
}
