using Axpo.Training.Devices;
using Axpo.Training.Native;
using static TorchSharp.torch;

namespace Axpo.Training.Models;

/// <summary>Attention kernels for whole sequences.</summary>
public static class CausalAttention
{
    /// <summary>
    /// <see cref="Packed"/>, with lengths rounded up for the attention alone, so that near ones share a call: on CUDA a call costs more than what is added (libtorch's kernels for many lengths cannot be called in float32
    /// through its stable ABI). What fills a sequence up stands behind it, where no token of its own looks; its gradient is 0.
    /// </summary>
    /// <param name="lengths">Length of each sequence, in order; they add up to n.</param>
    /// <param name="config">Shape of the decoder.</param>
    /// <param name="step">Lengths are rounded up to a multiple of this; 1: never.</param>
    /// <param name="device">Where the pass runs.</param>
    public static AttentionKernel Rounded(IReadOnlyList<int> lengths, DecoderConfig config, int step, Device device)
    {
        int[] rounded = [.. lengths.Select(n => (n + step - 1) / step * step)];
        var exact = Packed(lengths, config);
        if (Calls(rounded) >= Calls(lengths))
        {
            return exact;
        }

        var into = new long[rounded.Sum()];
        var back = new long[lengths.Sum()];
        var (from, to) = (0, 0);
        for (var i = 0; i < lengths.Count; i++)
        {
            for (var t = 0; t < rounded[i]; t++)
            {
                into[to + t] = t < lengths[i] ? from + t : from;
            }

            for (var t = 0; t < lengths[i]; t++)
            {
                back[from + t] = to + t;
            }

            (from, to) = (from + lengths[i], to + rounded[i]);
        }

        var (fill, pick, kernel) = (device.Upload(into), device.Upload(back), Packed(rounded, config));
        return (layer, q, k, v) => kernel(layer, q.index_select(0, fill), k.index_select(0, fill), v.index_select(0, fill)).index_select(0, pick);

        static int Calls(IReadOnlyList<int> lengths) => 1 + lengths.Zip(lengths.Skip(1)).Count(pair => pair.First != pair.Second);
    }

    /// <summary>
    /// Sequences packed end to end. Neighbours of equal length share one attention call without padding, so a caller that sorts by length pays few
    /// calls (a block-diagonal mask over a long pack is 50 times slower on CPU).
    /// </summary>
    /// <param name="lengths">Length of each sequence, in order; they add up to n.</param>
    /// <param name="config">Shape of the decoder.</param>
    public static AttentionKernel Packed(IReadOnlyList<int> lengths, DecoderConfig config)
    {
        var runs = new List<(int Start, int Count, int Length)>();
        var at = 0;
        foreach (var length in lengths)
        {
            if (runs.Count > 0 && runs[^1].Length == length)
            {
                runs[^1] = runs[^1] with { Count = runs[^1].Count + 1 };
            }
            else
            {
                runs.Add((at, 1, length));
            }

            at += length;
        }

        return (_, q, k, v) =>
        {
            if (q.size(0) != at)
            {
                throw new ArgumentException($"the lengths add up to {at} tokens, the pass has {q.size(0)}", nameof(lengths));
            }

            var pieces = runs.Select(run => Aten.ScaledDotProductAttention(Rows(q, run), Rows(k, run), Rows(v, run), isCausal: true)
                .transpose(1, 2).reshape((long)run.Count * run.Length, config.Heads, config.HeadDim)).ToArray();
            return pieces.Length == 1 ? pieces[0] : cat(pieces);
        };

        static Tensor Rows(Tensor x, (int Start, int Count, int Length) run) =>
            x.narrow(0, run.Start, (long)run.Count * run.Length).view(run.Count, run.Length, x.size(1), x.size(2)).transpose(1, 2);
    }
}
