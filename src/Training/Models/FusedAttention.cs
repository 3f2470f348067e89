using Axpo.Training.Kernels;
using static TorchSharp.torch;

namespace Axpo.Training.Models;

/// <summary>Causal attention of packed sequences, in float32 on the CPU, with a backward pass of its own.</summary>
/// <param name="paths">Where each sequence stands; together they take n rows.</param>
/// <param name="config">Shape.</param>
internal sealed unsafe class FusedAttention(IReadOnlyList<SequencePath> paths, DecoderConfig config)
{
    private readonly CausalAttentionKernel _kernel = new(config.Heads, config.KvHeads, config.HeadDim);
    private readonly int _tokens = paths.Sum(p => p.Rows.Length - p.Shared);
    private readonly int _longest = paths.Max(p => p.Rows.Length);

    /// <summary>Attends.</summary>
    /// <param name="q">[n, heads, headDim].</param>
    /// <param name="k">[n, kvHeads, headDim].</param>
    /// <param name="v">[n, kvHeads, headDim].</param>
    /// <returns>[n, heads, headDim], and the logarithms of the sums of the weights [n, heads].</returns>
    /// <exception cref="ArgumentException">The sequences do not take n rows.</exception>
    public (Tensor Output, Tensor LogSums) Forward(Tensor q, Tensor k, Tensor v)
    {
        if (q.size(0) != _tokens)
        {
            throw new ArgumentException($"the sequences take {_tokens} rows, the pass has {q.size(0)}", nameof(q));
        }

        using var scratch = empty(_kernel.Scratch(_longest));
        var (output, logSums) = (empty_like(q), empty(_tokens, config.Heads));
        float* queries = HostMemory.Floats(q), keys = HostMemory.Floats(k), values = HostMemory.Floats(v), to = HostMemory.Floats(output), sums = HostMemory.Floats(logSums), own = HostMemory.Floats(scratch);
        foreach (var path in paths)
        {
            fixed (int* rows = path.Rows)
            {
                _kernel.Forward(rows, path.Rows.Length, path.Shared, queries, keys, values, to, sums, own);
            }
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
        using var scratch = empty(_kernel.Scratch(_longest));
        var result = (Q: empty_like(q), K: zeros_like(k), V: zeros_like(v));
        float* queries = HostMemory.Floats(q), keys = HostMemory.Floats(k), values = HostMemory.Floats(v), outputs = HostMemory.Floats(output), sums = HostMemory.Floats(logSums), from = HostMemory.Floats(gradient);
        float* toQ = HostMemory.Floats(result.Q), toK = HostMemory.Floats(result.K), toV = HostMemory.Floats(result.V), own = HostMemory.Floats(scratch);
        foreach (var path in paths)
        {
            fixed (int* rows = path.Rows)
            {
                _kernel.Backward(rows, path.Rows.Length, path.Shared, queries, keys, values, outputs, sums, from, toQ, toK, toV, own);
            }
        }

        return result;
    }
}
