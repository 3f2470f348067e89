using Axpo.Training.Devices;
using Axpo.Training.Models;
using static TorchSharp.torch;

namespace Axpo.Training.Learning;

/// <summary>
/// Sequences packed without padding: ids and positions for <see cref="Decoder.Forward"/> and the attention that keeps them apart. They stand end to end, those of equal length together, so that they share one attention
/// call. Or they share rows where they begin alike (the rollouts of a question, the forks of a rollout): what depends on the past alone is computed once. Tensors belong to the dispose scope in which the batch was made.
/// </summary>
public sealed class PackedBatch
{
    private readonly SequencePath[] _paths;
    private readonly SequencePath[] _order;

    /// <summary>Packs sequences.</summary>
    /// <param name="sequences">Token ids of each.</param>
    /// <param name="device">Where the tensors live.</param>
    /// <param name="shares">Whether sequences share the rows of their common prefixes; only for passes in float32 on the CPU.</param>
    /// <exception cref="ArgumentException">A sequence is empty.</exception>
    public PackedBatch(IReadOnlyList<int[]> sequences, Device device, bool shares = false)
    {
        if (sequences.Count == 0 || sequences.Any(s => s.Length == 0))
        {
            throw new ArgumentException("there must be sequences, none of them empty", nameof(sequences));
        }

        Shares = shares;
        int[] order = shares
            ? [.. Enumerable.Range(0, sequences.Count).OrderBy(i => sequences[i], TokenOrder.Instance).ThenBy(i => i)]
            : [.. Enumerable.Range(0, sequences.Count).OrderByDescending(i => sequences[i].Length).ThenBy(i => i)];
        Lengths = [.. order.Select(i => sequences[i].Length)];
        _paths = new SequencePath[sequences.Count];
        var (ids, positions, before) = (new List<long>(), new List<long>(), new List<long>());
        int[] last = [];
        int[] lastRows = [];
        foreach (var index in order)
        {
            var tokens = sequences[index];
            var rows = new int[tokens.Length];
            var shared = shares ? TokenOrder.CommonPrefix(last, tokens) : 0;
            lastRows.AsSpan(0, shared).CopyTo(rows);
            for (var t = shared; t < tokens.Length; t++)
            {
                rows[t] = ids.Count;
                ids.Add(tokens[t]);
                positions.Add(t);
                before.Add(t == 0 ? -1 : rows[t - 1]);
            }

            _paths[index] = new SequencePath(rows, shared);
            (last, lastRows) = (tokens, rows);
        }

        _order = [.. order.Select(i => _paths[i])];
        Tokens = ids.Count;
        Ids = device.Upload([.. ids]);
        Positions = device.Upload([.. positions]);
        Before = device.Upload([.. before]);
    }

    /// <summary>Whether sequences share the rows of their common prefixes.</summary>
    public bool Shares { get; }

    /// <summary>Ids [tokens] int64.</summary>
    public Tensor Ids { get; }

    /// <summary>Positions [tokens] int64.</summary>
    public Tensor Positions { get; }

    /// <summary>Row of the token before each [tokens] int64; -1 for a sequence's first.</summary>
    public Tensor Before { get; }

    /// <summary>Lengths in the order of packing.</summary>
    public IReadOnlyList<int> Lengths { get; }

    /// <summary>Rows: tokens of all sequences, shared ones once.</summary>
    public int Tokens { get; }

    /// <summary>Where the sequences stand, in the order of packing.</summary>
    internal IReadOnlyList<SequencePath> Paths => _order;

    /// <summary>Row of a token of a sequence (by its index in the list given).</summary>
    public int RowOf(int sequence, int token) => _paths[sequence].Rows[token];

    /// <summary>Hidden states [tokens, hidden].</summary>
    public Tensor Forward(Decoder decoder) => decoder.Forward(Ids, Positions, Attention(decoder));

    /// <summary>Each sequence attends to itself only.</summary>
    /// <exception cref="InvalidOperationException">Rows are shared, and the pass is not one of float32 on the CPU, or is recorded by autograd.</exception>
    public AttentionKernel Attention(Decoder decoder)
    {
        if (!is_grad_enabled() && FusedLayer.Serves(decoder.Head))
        {
            var fused = new FusedAttention(Paths, decoder.Config);
            return (_, q, k, v) => fused.Forward(q, k, v).Output;
        }

        return Shares
            ? throw new InvalidOperationException("this pack shares rows, which autograd's attention does not know")
            : CausalAttention.Rounded(Lengths, decoder.Config, ComputeDevice.LengthStep(Ids.device), Ids.device);
    }
}
