using Axpo.Imaging;
using Axpo.Training.Devices;
using Axpo.Training.Models;
using Axpo.Training.Models.Vision;
using Axpo.Training.Pictures;
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
    private readonly List<PicturePatches> _pictures = [];
    private readonly List<(int Row, int Picture, int Token)> _pictureTokens = [];

    /// <summary>Packs sequences.</summary>
    /// <param name="sequences">Token ids of each; keys, where there are pictures (<see cref="PictureKeys"/>).</param>
    /// <param name="device">Where the tensors live.</param>
    /// <param name="shares">Whether sequences share the rows of their common prefixes; only for passes in float32 on the CPU.</param>
    /// <param name="pictures">Their images; null: there are none.</param>
    /// <exception cref="ArgumentException">A sequence is empty.</exception>
    /// <exception cref="IOException">An image cannot be read.</exception>
    public PackedBatch(IReadOnlyList<int[]> sequences, Device device, bool shares = false, PackPictures? pictures = null)
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
        var (ids, before) = (new List<long>(), new List<long>());
        var positions = new List<(long Time, long Height, long Width)>();
        var seen = new Dictionary<string, int>(StringComparer.Ordinal);
        int[] last = [];
        int[] lastRows = [];
        foreach (var index in order)
        {
            var tokens = sequences[index];
            var rows = new int[tokens.Length];
            var shared = shares ? TokenOrder.CommonPrefix(last, tokens) : 0;
            var (places, images) = Placed(pictures, index, seen);
            lastRows.AsSpan(0, shared).CopyTo(rows);
            for (var t = shared; t < tokens.Length; t++)
            {
                rows[t] = ids.Count;
                if (tokens[t] < 0)
                {
                    var at = places.PictureAt(t);
                    _pictureTokens.Add((ids.Count, images[at], t - places.Pictures[at].Start));
                }

                ids.Add(tokens[t] < 0 ? pictures!.Config.ImageToken : tokens[t]);
                positions.Add(places.At(t));
                before.Add(t == 0 ? -1 : rows[t - 1]);
            }

            _paths[index] = new SequencePath(rows, shared);
            (last, lastRows) = (tokens, rows);
        }

        _order = [.. order.Select(i => _paths[i])];
        Tokens = ids.Count;
        Ids = device.Upload([.. ids]);
        Positions = pictures is null
            ? device.Upload([.. positions.Select(p => p.Time)])
            : device.Upload((long[])[.. positions.Select(p => p.Time), .. positions.Select(p => p.Height), .. positions.Select(p => p.Width)]).view(3, positions.Count);
        Before = device.Upload([.. before]);
    }

    /// <summary>Whether sequences share the rows of their common prefixes.</summary>
    public bool Shares { get; }

    /// <summary>Ids [tokens] int64.</summary>
    public Tensor Ids { get; }

    /// <summary>Positions [tokens] int64; with pictures [3, tokens], along time, height and width.</summary>
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
    public Tensor Forward(Decoder decoder) => decoder.Forward(Ids, Positions, Attention(decoder), pictures: See(decoder));

    /// <summary>Runs a decoder's tower over the pictures, each once, recorded where the tower is trained; null: there are none.</summary>
    public PictureRows? See(Decoder decoder)
    {
        if (_pictures.Count == 0)
        {
            return null;
        }

        using var guard = decoder.Tower!.IsRecorded ? null : no_grad();
        var features = decoder.Tower.Encode(_pictures);
        var starts = new int[_pictures.Count];
        for (var i = 1; i < starts.Length; i++)
        {
            starts[i] = starts[i - 1] + _pictures[i - 1].Grid.Tokens(decoder.Tower.Config.MergeSize);
        }

        return PictureRows.Of([.. _pictureTokens.Select(t => (t.Row, features, starts[t.Picture] + t.Token))], Ids.device);
    }

    /// <summary>Positions of a sequence, and which pictures of the pack its own are.</summary>
    private (TokenPositions Positions, List<int> Pictures) Placed(PackPictures? pictures, int sequence, Dictionary<string, int> seen)
    {
        var (positions, own) = (new TokenPositions(), new List<int>());
        foreach (var image in pictures?.Images[sequence] ?? [])
        {
            var (rows, columns) = pictures!.Reader.Tokens(image.Image);
            if (image.Length != rows * columns)
            {
                throw new ArgumentException($"sequence {sequence}: an image of {image.Image.Width} x {image.Image.Height} pixels is {rows} x {columns} tokens, {image.Length} stand at token {image.Start}", nameof(pictures));
            }

            positions.Add(image.Start, rows, columns);
            if (!seen.TryGetValue(image.Image.Sha256, out var at))
            {
                seen[image.Image.Sha256] = at = _pictures.Count;
                _pictures.Add(pictures.Reader.Read(image.Image));
            }

            own.Add(at);
        }

        return (positions, own);
    }

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
