using Axpo.Training.Devices;
using Axpo.Training.Native;
using static TorchSharp.torch;

namespace Axpo.Training.Models;

/// <summary>Attention kernels for whole sequences.</summary>
public static class CausalAttention
{
    /// <summary>Sequences packed end to end, one call for all whatever their lengths; CUDA only. Heads of grouped keys and values are repeated.</summary>
    /// <param name="lengths">Length of each sequence, in order; they add up to n.</param>
    /// <param name="config">Shape of the decoder.</param>
    /// <param name="device">Where the pass runs.</param>
    public static AttentionKernel VariableLength(IReadOnlyList<int> lengths, DecoderConfig config, Device device)
    {
        var starts = new int[lengths.Count + 1];
        for (var i = 0; i < lengths.Count; i++)
        {
            starts[i + 1] = starts[i] + lengths[i];
        }

        var (offsets, longest, group) = (device.Upload(starts), lengths.Max(), config.Heads / config.KvHeads);
        return (_, q, k, v) => Aten.PackedAttention(q, Repeat(k), Repeat(v), offsets, longest);

        Tensor Repeat(Tensor x) => group == 1 ? x : x.repeat_interleave(group, 1);
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
            if (q.shape[0] != at)
            {
                throw new ArgumentException($"the lengths add up to {at} tokens, the pass has {q.shape[0]}", nameof(lengths));
            }

            var pieces = runs.Select(run => Aten.ScaledDotProductAttention(Rows(q, run), Rows(k, run), Rows(v, run), isCausal: true)
                .transpose(1, 2).reshape((long)run.Count * run.Length, config.Heads, config.HeadDim)).ToArray();
            return pieces.Length == 1 ? pieces[0] : cat(pieces);
        };

        static Tensor Rows(Tensor x, (int Start, int Count, int Length) run) =>
            x.narrow(0, run.Start, (long)run.Count * run.Length).view(run.Count, run.Length, x.shape[1], x.shape[2]).transpose(1, 2);
    }
}
