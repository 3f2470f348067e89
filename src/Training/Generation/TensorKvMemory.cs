using System.Globalization;
using System.Runtime.InteropServices;
using TorchSharp;
using static TorchSharp.torch;

namespace Axpo.Training.Generation;

/// <summary>
/// Pages as tensors on a device, all of them allocated at the start. A token's slot is its page's number times <see cref="KvLayout.PageTokens"/> plus its place in the page. One slot more, behind all pages,
/// is never written: it stands in for whatever lies beyond a context, for a masked token still enters the sum, and zero times what is not finite is not zero.
/// </summary>
internal sealed unsafe class TensorKvMemory : IKvMemory
{
    private readonly Tensor _kv;
    private readonly Tensor[] _layers;

    /// <param name="layout">Layout of a page, for its size.</param>
    /// <param name="budgetBytes">Bytes of all pages.</param>
    /// <param name="device">Where.</param>
    /// <exception cref="InvalidOperationException">The device has not so much.</exception>
    public TensorKvMemory(KvLayout layout, long budgetBytes, Device device)
    {
        Pages = (int)Math.Min(int.MaxValue, budgetBytes / layout.PageBytes);
        Device = device;
        EmptySlot = (long)Pages * KvLayout.PageTokens;
        using var scope = NewDisposeScope();
        try
        {
            _kv = zeros(2 * layout.Layers, EmptySlot + 1, layout.KvHeads, layout.HeadDim, device: device);
            Hidden = zeros(EmptySlot, layout.Hidden, device: device);
        }
        catch (ExternalException e) when (EngineFaults.IsOutOfMemory(e))
        {
            throw new InvalidOperationException(string.Create(
                CultureInfo.InvariantCulture, $"engine.kvMebibytes: {device} has no {budgetBytes >> 20} MiB left for KV pages; lower it, or free the device ({e.Message.Split('\n')[0]})"), e);
        }

        _layers = [.. Enumerable.Range(0, 2 * layout.Layers).Select(i => _kv.select(0, i).DetachFromDisposeScope())];
        _kv.DetachFromDisposeScope();
        Hidden.DetachFromDisposeScope();
    }

    /// <inheritdoc/>
    public int Pages { get; }

    /// <summary>Where the tensors are.</summary>
    public Device Device { get; }

    /// <summary>The slot that holds zeros.</summary>
    public long EmptySlot { get; }

    /// <summary>Final hidden states [slots, hidden], without the empty one.</summary>
    public Tensor Hidden { get; }

    /// <summary>Keys of a layer [slots, kvHeads, headDim].</summary>
    public Tensor Keys(int layer) => _layers[2 * layer];

    /// <summary>Values of a layer [slots, kvHeads, headDim].</summary>
    public Tensor Values(int layer) => _layers[(2 * layer) + 1];

    /// <inheritdoc/>
    public float* Address(int page) => null;

    /// <inheritdoc/>
    public void Copy(int from, int to)
    {
        using var scope = NewDisposeScope();
        Page(_kv, 1, to).copy_(Page(_kv, 1, from));
        Page(Hidden, 0, to).copy_(Page(Hidden, 0, from));
    }

    /// <summary>Nothing: the budget stays allocated.</summary>
    public void Discard(ReadOnlySpan<int> pages)
    {
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var layer in _layers)
        {
            layer.Dispose();
        }

        _kv.Dispose();
        Hidden.Dispose();
    }

    private static Tensor Page(Tensor slots, int dimension, int page) => slots.narrow(dimension, (long)page * KvLayout.PageTokens, KvLayout.PageTokens);
}
