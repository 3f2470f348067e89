using Axpo.Training.Kernels;
using TorchSharp;
using static TorchSharp.torch;

namespace Axpo.Training.Learning;

/// <summary>
/// <see cref="HeadPass"/> in float32 on the CPU without autograd: softmax, log-probs and entropies in one pass over the logits, their gradient in another, in place. As many logits are in memory at once, and as many are kept,
/// as there. Tensors belong to the dispose scope in which the pass was made.
/// </summary>
internal sealed unsafe class FusedHeadPass : IHeadPass
{
    private readonly Tensor _weight;
    private readonly Tensor _rows;
    private readonly Tensor _targets;
    private readonly double _temperature;
    private readonly int _chunk;
    private readonly Tensor? _logits;
    private readonly float[] _logSums;
    private readonly float[] _entropies;

    /// <summary>Computes the log-probs.</summary>
    /// <param name="weight">Of the head [vocabulary, hidden].</param>
    /// <param name="rows">Hidden states [m, hidden].</param>
    /// <param name="targets">The token that each predicts [m] int64.</param>
    /// <param name="temperature">Sampling temperature.</param>
    /// <param name="use">What is done with the entropy.</param>
    public FusedHeadPass(Tensor weight, Tensor rows, Tensor targets, double temperature, EntropyUse use)
    {
        (_weight, _rows, _targets, _temperature) = (weight, rows, targets, temperature);
        _chunk = HeadPass.RowsPerChunk(weight.size(0), weight.device);
        var (trains, count) = (is_grad_enabled(), (int)rows.size(0));
        (_logSums, _entropies) = (new float[count], new float[count]);
        using var guard = no_grad();
        var logProbs = new float[count];
        var tokens = HostMemory.Integers(targets);
        for (var at = 0; at < count; at += _chunk)
        {
            using var scope = NewDisposeScope();
            var logits = Logits(at);
            var (m, vocabulary) = ((int)logits.size(0), (int)logits.size(1));
            var values = HostMemory.Floats(logits);
            for (var i = 0; i < m; i++)
            {
                var row = values + ((long)i * vocabulary);
                (_logSums[at + i], _entropies[at + i]) = LogSoftmaxKernel.Normaliser(row, vocabulary, temperature);
                logProbs[at + i] = (float)((row[tokens[at + i]] / temperature) - _logSums[at + i]);
            }

            _logits = trains && count <= _chunk ? logits.MoveToOuterDisposeScope() : null;
        }

        LogProbs = tensor(logProbs).requires_grad_(trains);
        Entropies = use == EntropyUse.None ? null : tensor(_entropies).requires_grad_(trains && use == EntropyUse.Gradient);
    }

    /// <inheritdoc/>
    public Tensor LogProbs { get; }

    /// <inheritdoc/>
    public Tensor? Entropies { get; }

    /// <inheritdoc/>
    public Tensor Backward()
    {
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        var logProbs = (LogProbs.grad ?? zeros_like(LogProbs)).contiguous();
        var entropies = (Entropies?.grad ?? zeros_like(LogProbs)).contiguous();
        var gradients = HostMemory.Floats(logProbs);
        var entropyGradients = HostMemory.Floats(entropies);
        var tokens = HostMemory.Integers(_targets);
        var parts = new List<Tensor>();
        for (var at = 0; at < _rows.size(0); at += _chunk)
        {
            using var chunk = NewDisposeScope();
            var logits = _logits ?? Logits(at);
            var (m, vocabulary) = ((int)logits.size(0), (int)logits.size(1));
            var values = HostMemory.Floats(logits);
            for (var i = 0; i < m; i++)
            {
                LogSoftmaxKernel.Backward(
                    values + ((long)i * vocabulary), vocabulary, tokens[at + i], _temperature, _logSums[at + i], _entropies[at + i], gradients[at + i], entropyGradients[at + i]);
            }

            if (_weight.requires_grad)
            {
                ParameterGradients.AddLinear(_weight, logits, Rows(at));
            }

            parts.Add(HostProduct.Back(logits, _weight).MoveToOuterDisposeScope());
        }

        return (parts.Count == 1 ? parts[0] : cat(parts)).MoveToOuterDisposeScope();
    }

    private Tensor Rows(int at) => _rows.narrow(0, at, Math.Min(_chunk, _rows.size(0) - at));

    private Tensor Logits(int at) => HostProduct.Forward(Rows(at), _weight);
}
