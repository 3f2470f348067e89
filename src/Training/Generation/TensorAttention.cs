using Axpo.Training.Devices;
using Axpo.Training.Models;
using Axpo.Training.Native;
using static TorchSharp.torch;

namespace Axpo.Training.Generation;

/// <summary>
/// Attention over pages on a device: new keys and values are written to their slots, contexts are gathered from theirs, and libtorch's attention does the rest under a mask. The query heads that share a kv head are rows of it (decoding)
/// or look at a view of it (prefill), so that no key is ever repeated.
/// </summary>
internal sealed class TensorAttention : IDisposable
{
    private readonly DecoderConfig _config;
    private readonly TensorKvMemory _memory;
    private readonly int _group;
    private readonly Tensor _places;
    private readonly Tensor _empty;
    private readonly Tensor _attend;
    private readonly Tensor _ignore;

    public TensorAttention(DecoderConfig config, TensorKvMemory memory)
    {
        (_config, _memory, _group) = (config, memory, config.Heads / config.KvHeads);
        using var scope = NewDisposeScope();
        _places = memory.Device.Upload([.. Enumerable.Range(0, config.MaxPositions + TensorRows.ContextStep).Select(i => (long)i)]).DetachFromDisposeScope();
        _empty = memory.Device.Upload([memory.EmptySlot]).DetachFromDisposeScope();
        _attend = memory.Device.Upload([0f]).DetachFromDisposeScope();
        _ignore = memory.Device.Upload([float.NegativeInfinity]).DetachFromDisposeScope();
    }

    /// <summary>Most sequences whose contexts of a length one call may gather.</summary>
    public int RowsOfCall(int context) => (int)Math.Max(1, ComputeDevice.ScratchBytes(_memory.Device) / (2L * sizeof(float) * context * _config.KvHeads * _config.HeadDim));

    /// <summary>The attention of a step, for all its layers.</summary>
    /// <param name="rows">The step.</param>
    /// <param name="positions">Position of each row [n].</param>
    /// <param name="slots">Slot of each row [n].</param>
    /// <param name="packed">What was uploaded.</param>
    public AttentionKernel Kernel(TensorRows rows, Tensor positions, Tensor slots, Tensor packed)
    {
        Call[] calls = [.. rows.Calls.Select(c => Prepare(c, positions, packed))];
        return (layer, q, k, v) =>
        {
            var (keys, values) = (_memory.Keys(layer), _memory.Values(layer));
            keys.index_copy_(0, slots, k);
            values.index_copy_(0, slots, v);
            Tensor[] outputs = [.. calls.Select(c => c.Shape.IsPiece ? Prefill(c, q, keys, values) : Decode(c, q, keys, values))];
            return outputs.Length == 1 ? outputs[0] : cat(outputs);
        };
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _places.Dispose();
        _empty.Dispose();
        _attend.Dispose();
        _ignore.Dispose();
    }

    private Call Prepare(AttentionCall shape, Tensor positions, Tensor packed)
    {
        var pages = shape.Context / KvLayout.PageTokens;
        var table = packed.narrow(0, shape.Table, (long)shape.Sequences * pages).view(shape.Sequences, pages, 1);
        var slots = table.Plus(_places.narrow(0, 0, KvLayout.PageTokens)).view(shape.Sequences, shape.Context);
        var seen = _places.narrow(0, 0, shape.Context).le(positions.narrow(0, shape.First, shape.Rows).unsqueeze(1));

        // The last row of a piece sees all that any of its rows sees.
        var there = shape.IsPiece ? seen.narrow(0, shape.Rows - 1, 1) : seen;
        return new Call(shape, where(there, slots, _empty).flatten(), where(seen, _attend, _ignore));
    }

    /// <summary>Each row a sequence of its own.</summary>
    private Tensor Decode(Call call, Tensor q, Tensor keys, Tensor values)
    {
        var (rows, context) = (call.Shape.Rows, call.Shape.Context);
        var query = q.narrow(0, call.Shape.First, rows).view(rows, _config.KvHeads, _group, _config.HeadDim);
        return Aten.ScaledDotProductAttention(query, Contexts(keys), Contexts(values), call.Mask.view(rows, 1, 1, context)).reshape(rows, _config.Heads, _config.HeadDim);

        Tensor Contexts(Tensor slots) => slots.index_select(0, call.Slots).view(rows, context, _config.KvHeads, _config.HeadDim).transpose(1, 2);
    }

    /// <summary>Rows of one sequence.</summary>
    private Tensor Prefill(Call call, Tensor q, Tensor keys, Tensor values)
    {
        var (rows, context) = (call.Shape.Rows, call.Shape.Context);
        var query = q.narrow(0, call.Shape.First, rows).view(rows, _config.KvHeads, _group, _config.HeadDim).permute(1, 2, 0, 3);
        return Aten.ScaledDotProductAttention(query, Contexts(keys), Contexts(values), call.Mask.view(1, 1, rows, context)).permute(2, 0, 1, 3).reshape(rows, _config.Heads, _config.HeadDim);

        Tensor Contexts(Tensor slots) => slots.index_select(0, call.Slots).transpose(0, 1).unsqueeze(1).expand(_config.KvHeads, _group, context, _config.HeadDim);
    }

    /// <param name="Shape">What it is about.</param>
    /// <param name="Slots">Slots of the contexts [sequences * context].</param>
    /// <param name="Mask">What each row adds to its scores [rows, context]: 0 or minus infinity.</param>
    private sealed record Call(AttentionCall Shape, Tensor Slots, Tensor Mask);
}
