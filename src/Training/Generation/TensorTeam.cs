using Axpo.Training.Devices;
using Axpo.Training.Models;
using static TorchSharp.torch;

namespace Axpo.Training.Generation;

/// <summary>
/// A step as operators on whole tensors: one pass of the decoder over all new tokens, decoded and prefilled, then one draw for all sequences that sample. The engine's thread only asks for operators until it reads, in one copy,
/// what was drawn.
/// </summary>
internal sealed class TensorTeam : IStepTeam
{
    private readonly TensorKvMemory _memory;
    private readonly TensorAttention _attention;
    private readonly TensorSampler _sampler;
    private readonly int _vocabulary;
    private readonly int _imageToken;
    private readonly StepShare _share = new();

    public TensorTeam(DecoderConfig config, TensorKvMemory memory)
    {
        (_memory, _vocabulary, _imageToken) = (memory, config.VocabSize, config.Pictures?.ImageToken ?? 0);
        _attention = new TensorAttention(config, memory);
        _sampler = new TensorSampler(config.VocabSize, memory.Device);
        Shares = [_share];
    }

    /// <inheritdoc/>
    public IReadOnlyList<StepShare> Shares { get; }

    /// <inheritdoc/>
    public void Run(Decoder decoder, PictureFeatures? pictures, Action<StepShare>? before)
    {
        try
        {
            before?.Invoke(_share);
            using var scope = NewDisposeScope();
            Compute(decoder, pictures);
            Sample(decoder);
        }
        catch (Exception e)
        {
            _share.Failure = e;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _attention.Dispose();
        _sampler.Dispose();
    }

    private void Compute(Decoder decoder, PictureFeatures? pictures)
    {
        var rows = TensorRows.Of(_share.Work, _attention.RowsOfCall, _imageToken);
        if (rows.Count == 0)
        {
            return;
        }

        using var scope = NewDisposeScope();
        var packed = _memory.Device.Upload(rows.Packed);
        var (ids, positions, slots) = (packed.narrow(0, 0, rows.Count), packed.narrow(0, rows.Count, rows.Count), packed.narrow(0, 2L * rows.Count, rows.Count));
        var places = pictures is null ? positions : rows.Places(_memory.Device);
        var hidden = decoder.Forward(ids, places, _attention.Kernel(rows, positions, slots, packed), pictures: pictures?.Rows(rows.Tokens, _memory.Device));
        _memory.Hidden.index_copy_(0, slots, hidden);
    }

    private void Sample(Decoder decoder)
    {
        var draws = new List<(int Work, TensorDraw Draw, long Slot)>();
        for (var i = 0; i < _share.Work.Count; i++)
        {
            _share.Sampled.Add(default);
            _share.Errors.Add(null);
            var (sequence, _, _, sample) = _share.Work[i];
            if (sample)
            {
                var session = sequence.Session!;
                var last = session.Tokens.Count - 1;
                var draw = new TensorDraw(sequence.Request.Sampling, sequence.Request.Chance, last + 1, sequence.Forced);
                draws.Add((i, draw, TensorRows.Slot(session, last)));
            }
        }

        if (draws.Count == 0)
        {
            return;
        }

        // Rows that are drawn alike stand together.
        draws = [.. draws.OrderBy(d => TokenDraw.KindOf(d.Draw.Options, _vocabulary))];
        var hidden = _memory.Hidden.index_select(0, _memory.Device.Upload([.. draws.Select(d => d.Slot)]));
        var drawn = _sampler.Sample([.. draws.Select(d => d.Draw)], (first, count) => decoder.Logits(hidden.narrow(0, first, count)));
        for (var i = 0; i < draws.Count; i++)
        {
            (_share.Sampled[draws[i].Work], _share.Errors[draws[i].Work]) = drawn[i];
        }
    }
}
