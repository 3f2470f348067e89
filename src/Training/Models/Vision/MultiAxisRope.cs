using static TorchSharp.torch;

namespace Axpo.Training.Models.Vision;

/// <summary>Rotation by three positions at once, interleaved (transformers <c>modeling_qwen3_vl.py</c>, <c>apply_interleaved_mrope</c>): each frequency takes the angle of its axis from the decoder's table.</summary>
internal sealed class MultiAxisRope : IDisposable
{
    private readonly Tensor _axes;

    /// <summary>Which axis each frequency belongs to.</summary>
    public MultiAxisRope(VisionLanguageConfig config, Device device)
    {
        var half = config.Text.HeadDim / 2;
        var axes = Enumerable.Range(0, half).Select(j => j % 3 != 0 && j < 3 * config.RopeSections[j % 3] ? (long)(j % 3) : 0).ToArray();
        _axes = tensor((long[])[.. axes, .. axes]).to(device).view(1, 1, 2L * half);
        _axes.DetachFromDisposeScope();
    }

    /// <summary>Cosines and sines.</summary>
    /// <param name="decoder">Whose tables they are.</param>
    /// <param name="positions">[3, n] int64: time, height, width.</param>
    /// <returns>Both [n, 1, headDim].</returns>
    public (Tensor Cos, Tensor Sin) Rotation(Decoder decoder, Tensor positions)
    {
        var n = positions.shape[1];
        var (cos, sin) = decoder.Rotation(positions.reshape(-1));
        return (Pick(cos), Pick(sin));

        Tensor Pick(Tensor table) => table.view(3, n, -1).gather(0, _axes.expand(1, n, -1)).view(n, 1, -1);
    }

    /// <inheritdoc/>
    public void Dispose() => _axes.Dispose();
}
