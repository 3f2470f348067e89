using Axpo.Training.Kernels;
using static TorchSharp.torch;

namespace Axpo.Training.Models;

/// <summary>Causal attention of sequences packed end to end, in float32 on the CPU, with a backward pass of its own.</summary>
/// <param name="lengths">Length of each sequence, in order; they add up to n.</param>
/// <param name="config">Shape.</param>
internal sealed unsafe class FusedAttention(IReadOnlyList<int> lengths, DecoderConfig config)
{
    private readonly CausalAttentionKernel _kernel = new(config.Heads, config.KvHeads, config.HeadDim);
    private readonly int _tokens = lengths.Sum();

    /// <summary>Attends.</summary>
    /// <param name="q">[n, heads, headDim].</param>
    /// <param name="k">[n, kvHeads, headDim].</param>
    /// <param name="v">[n, kvHeads, headDim].</param>
    /// <returns>[n, heads, headDim], and the logarithms of the sums of the weights [n, heads].</returns>
    /// <exception cref="ArgumentException">The lengths do not add up to n.</exception>
    public (Tensor Output, Tensor LogSums) Forward(Tensor q, Tensor k, Tensor v)
    {
        if (q.shape[0] != _tokens)
        {
            throw new ArgumentException($"the lengths add up to {_tokens} tokens, the pass has {q.shape[0]}", nameof(q));
        }

        using var scratch = empty(_kernel.Scratch(lengths.Max()));
        var (output, logSums) = (empty_like(q), empty(_tokens, config.Heads));
        float* queries = HostMemory.Floats(q), keys = HostMemory.Floats(k), values = HostMemory.Floats(v), to = HostMemory.Floats(output), sums = HostMemory.Floats(logSums), own = HostMemory.Floats(scratch);
        var at = 0L;
        foreach (var length in lengths)
        {
            var (row, kvRow) = (at * config.Heads * config.HeadDim, at * config.KvHeads * config.HeadDim);
            _kernel.Forward(length, queries + row, keys + kvRow, values + kvRow, to + row, sums + (at * config.Heads), own);
            at += length;
        }

        return (output, logSums);
    }

    /// <summary>Gradients of q, k and v.</summary>
    /// <param name="q">[n, heads, headDim].</param>
    /// <param name="k">[n, kvHeads, headDim].</param>
    /// <param name="v">[n, kvHeads, headDim].</param>
    /// <param name="output">What <see cref="Forward"/> gave, in any shape.</param>
    /// <param name="logSums">What it gave.</param>
    /// <param name="gradient">Of the output, in any shape.</param>
    public (Tensor Q, Tensor K, Tensor V) Backward(Tensor q, Tensor k, Tensor v, Tensor output, Tensor logSums, Tensor gradient)
    {
        using var scratch = empty(_kernel.Scratch(lengths.Max()));
        var result = (Q: empty_like(q), K: empty_like(k), V: empty_like(v));
        float* queries = HostMemory.Floats(q), keys = HostMemory.Floats(k), values = HostMemory.Floats(v), outputs = HostMemory.Floats(output), sums = HostMemory.Floats(logSums), from = HostMemory.Floats(gradient);
        float* toQ = HostMemory.Floats(result.Q), toK = HostMemory.Floats(result.K), toV = HostMemory.Floats(result.V), own = HostMemory.Floats(scratch);
        var at = 0L;
        foreach (var length in lengths)
        {
            var (row, kvRow) = (at * config.Heads * config.HeadDim, at * config.KvHeads * config.HeadDim);
            _kernel.Backward(length, queries + row, keys + kvRow, values + kvRow, outputs + row, sums + (at * config.Heads), from + row, toQ + row, toK + kvRow, toV + kvRow, own);
            at += length;
        }

        return result;
    }
}
