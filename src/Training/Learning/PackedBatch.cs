using Axpo.Training.Devices;
using Axpo.Training.Models;
using static TorchSharp.torch;

namespace Axpo.Training.Learning;

/// <summary>
/// Sequences end to end, without padding: ids and positions for <see cref="Decoder.Forward"/> and the attention that keeps them apart. Sequences of equal length
/// stand together, so that they share one attention call. Tensors belong to the dispose scope in which the batch was made.
/// </summary>
public sealed class PackedBatch
{
    private readonly int[] _order;
    private readonly int[] _starts;

    /// <summary>Packs sequences.</summary>
    /// <param name="sequences">Token ids of each.</param>
    /// <param name="device">Where the tensors live.</param>
    /// <exception cref="ArgumentException">A sequence is empty.</exception>
    public PackedBatch(IReadOnlyList<int[]> sequences, Device device)
    {
        _order = [.. Enumerable.Range(0, sequences.Count).OrderByDescending(i => sequences[i].Length).ThenBy(i => i)];
        Lengths = [.. _order.Select(i => sequences[i].Length)];
        if (Lengths.Count == 0 || Lengths[^1] == 0)
        {
            throw new ArgumentException("there must be sequences, none of them empty", nameof(sequences));
        }

        Tokens = Lengths.Sum();
        var ids = new long[Tokens];
        var positions = new long[Tokens];
        _starts = new int[sequences.Count];
        var at = 0;
        foreach (var index in _order)
        {
            _starts[index] = at;
            var tokens = sequences[index];
            for (var t = 0; t < tokens.Length; t++)
            {
                ids[at + t] = tokens[t];
                positions[at + t] = t;
            }

            at += tokens.Length;
        }

        Ids = device.Upload(ids);
        Positions = device.Upload(positions);
    }

    /// <summary>Ids [tokens] int64.</summary>
    public Tensor Ids { get; }

    /// <summary>Positions [tokens] int64.</summary>
    public Tensor Positions { get; }

    /// <summary>Lengths in the order of packing.</summary>
    public IReadOnlyList<int> Lengths { get; }

    /// <summary>Tokens of all sequences.</summary>
    public int Tokens { get; }

    /// <summary>Where a sequence (by its index in the list given) starts.</summary>
    public int StartOf(int sequence) => _starts[sequence];

    /// <summary>Hidden states [tokens, hidden].</summary>
    public Tensor Forward(Decoder decoder) => decoder.Forward(Ids, Positions, Attention(decoder));

    /// <summary>Each sequence attends to itself only.</summary>
    public AttentionKernel Attention(Decoder decoder)
    {
        if (is_grad_enabled() || !FusedLayer.Serves(decoder.Head))
        {
            return CausalAttention.Rounded(Lengths, decoder.Config, ComputeDevice.LengthStep(Ids.device), Ids.device);
        }

        var fused = new FusedAttention(Lengths, decoder.Config);
        return (_, q, k, v) => fused.Forward(q, k, v).Output;
    }
}
