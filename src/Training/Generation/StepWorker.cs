using System.Runtime.InteropServices;
using Axpo.Training.Kernels;
using Axpo.Training.Models;
using static TorchSharp.torch;

namespace Axpo.Training.Generation;

/// <summary>
/// Computes a share of a step on the thread that calls it: decoder over the new tokens, attention over the pages, sampling. Decoded and prefilled
/// tokens are rows of the same passes. In deterministic mode every pass of linear layers has exactly <see cref="FixedRows"/> rows, filled up with
/// rows that nobody reads, so that a row's bits do not depend on its neighbours; unless the weights are packed, where they never do.
/// </summary>
internal sealed unsafe class StepWorker
{
    /// <summary>Rows of a pass in deterministic mode where weights are not packed.</summary>
    public const int FixedRows = 16;

    private readonly KvLayout _layout;
    private readonly PagedAttention _attention;
    private readonly TokenHead _head;
    private readonly AttentionKernel _kernel;
    private readonly bool _isDeterministic;
    private readonly List<(Session Session, int Position)> _rows = [];
    private readonly List<AttentionRow> _attending = [];
    private readonly List<int> _samples = [];
    private int _first;
    private int _count;
    private readonly int _imageToken;
    private readonly int _axes;
    private long[] _ids = [];
    private long[] _positions = [];

    public StepWorker(DecoderConfig config, bool deterministic)
    {
        _layout = new KvLayout(config);
        _attention = new PagedAttention(_layout);
        _head = new TokenHead(config.VocabSize);
        _isDeterministic = deterministic;
        (_imageToken, _axes) = config.Pictures is { } pictures ? (pictures.ImageToken, 3) : (0, 1);
        _kernel = Attend;
    }

    /// <summary>Does the share; the results stand in it.</summary>
    /// <param name="decoder">Weights.</param>
    /// <param name="pictures">What was made of the step's pictures; null: the decoder reads text only.</param>
    /// <param name="share">The share.</param>
    public void Run(Decoder decoder, PictureFeatures? pictures, StepShare share)
    {
        using var scope = NewDisposeScope();
        _rows.Clear();
        foreach (var work in share.Work)
        {
            for (var i = 0; i < work.Count; i++)
            {
                _rows.Add((work.Sequence.Session!, work.From + i));
            }
        }

        var block = Block(decoder, _rows.Count);
        for (_first = 0; _first < _rows.Count; _first += block)
        {
            _count = Math.Min(block, _rows.Count - _first);
            Compute(decoder, pictures, block);
        }

        Sample(decoder, share);
    }

    /// <summary>Rows of a pass: <see cref="FixedRows"/> in deterministic mode with plain weights, else all of them; packed weights give a row the same bits beside any others.</summary>
    private int Block(Decoder decoder, int rows) => _isDeterministic && !decoder.IsPacked ? FixedRows : Math.Max(1, rows);

    private void Compute(Decoder decoder, PictureFeatures? pictures, int rows)
    {
        using var scope = NewDisposeScope();
        if (_ids.Length != rows)
        {
            _ids = new long[rows];
            _positions = new long[_axes * rows];
        }

        for (var i = 0; i < rows; i++)
        {
            var (session, position) = i < _count ? _rows[_first + i] : default;
            var key = session?.Tokens[position] ?? 0;
            _ids[i] = key < 0 ? _imageToken : key;
            if (_axes == 1)
            {
                _positions[i] = position;
                continue;
            }

            (_positions[i], _positions[rows + i], _positions[(2 * rows) + i]) = session?.Pictures.Positions.At(position) ?? default;
        }

        _attending.Clear();
        foreach (var (session, position) in CollectionsMarshal.AsSpan(_rows).Slice(_first, _count))
        {
            _attending.Add(new AttentionRow(session.Pages, position + 1));
        }

        _attention.Begin(_attending);
        var places = _axes == 1 ? tensor(_positions) : tensor(_positions).view(_axes, rows);
        var hidden = decoder.Forward(tensor(_ids), places, _kernel, pictures: pictures?.Rows(_rows.Skip(_first).Take(_count), decoder.Device));
        var values = HostMemory.Floats(hidden);
        for (var i = 0; i < _count; i++)
        {
            var (session, position) = _rows[_first + i];
            new ReadOnlySpan<float>(values + ((long)i * _layout.Hidden), _layout.Hidden).CopyTo(Hidden(session, position));
        }
    }

    private Tensor Attend(int layer, Tensor q, Tensor k, Tensor v)
    {
        var output = _count < q.size(0) ? zeros_like(q) : empty_like(q);
        var from = HostMemory.Floats(q);
        var keys = HostMemory.Floats(k);
        var values = HostMemory.Floats(v);
        var to = HostMemory.Floats(output);
        var kvWidth = _layout.KvHeads * _layout.HeadDim;
        for (var i = 0; i < _count; i++)
        {
            var (session, position) = _rows[_first + i];
            var page = session.Pages[position / KvLayout.PageTokens].Data;
            _attention.Write(page, position % KvLayout.PageTokens, layer, keys + (i * kvWidth), values + (i * kvWidth));
        }

        _attention.Attend(layer, from, to);
        return output;
    }

    private void Sample(Decoder decoder, StepShare share)
    {
        _samples.Clear();
        for (var i = 0; i < share.Work.Count; i++)
        {
            share.Sampled.Add(default);
            share.Errors.Add(null);
            if (share.Work[i].Sample)
            {
                _samples.Add(i);
            }
        }

        var block = Block(decoder, _samples.Count);
        for (var first = 0; first < _samples.Count; first += block)
        {
            using var scope = NewDisposeScope();
            var count = Math.Min(block, _samples.Count - first);
            var hidden = count < block ? zeros(block, _layout.Hidden) : empty(block, _layout.Hidden);
            var rows = HostMemory.Floats(hidden);
            for (var i = 0; i < count; i++)
            {
                var session = share.Work[_samples[first + i]].Sequence.Session!;
                Hidden(session, session.Tokens.Count - 1).CopyTo(new Span<float>(rows + ((long)i * _layout.Hidden), _layout.Hidden));
            }

            _head.Sample(decoder, hidden, share, CollectionsMarshal.AsSpan(_samples).Slice(first, count));
        }
    }

    private Span<float> Hidden(Session session, int position) => new(
        session.Pages[position / KvLayout.PageTokens].Data + _layout.HiddenOffset + ((position % KvLayout.PageTokens) * _layout.Hidden), _layout.Hidden);
}
