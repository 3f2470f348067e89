using static TorchSharp.torch;

namespace Axpo.Training.Models.Vision;

/// <summary>Rotation by three positions at once, interleaved (transformers <c>modeling_qwen3_vl.py</c>, <c>apply_interleaved_mrope</c>): each frequency takes the angle of its axis from the decoder's table.</summary>
internal static class MultiAxisRope
{
    /// <summary>Which axis each place of a head belongs to: 0 time, 1 height, 2 width.</summary>
    /// <param name="sections">Frequencies of each axis (<see cref="PictureConfig.RopeSections"/>).</param>
    /// <param name="headDim">Width of a head.</param>
    /// <param name="device">Where to.</param>
    /// <returns>[1, 1, headDim] int64.</returns>
    public static Tensor Axes(IReadOnlyList<int> sections, int headDim, Device device)
    {
        var half = headDim / 2;
        var axes = Enumerable.Range(0, half).Select(j => j % 3 != 0 && j < 3 * sections[j % 3] ? (long)(j % 3) : 0).ToArray();
        return tensor((long[])[.. axes, .. axes]).to(device).view(1, 1, headDim);
    }

    /// <summary>Picks each place's angle.</summary>
    /// <param name="table">[3 n, 1, headDim]: cosines or sines of the positions along time, then height, then width.</param>
    /// <param name="axes">Of <see cref="Axes"/>.</param>
    /// <returns>[n, 1, headDim].</returns>
    public static Tensor Pick(Tensor table, Tensor axes)
    {
        var n = table.shape[0] / 3;
        return table.view(3, n, -1).gather(0, axes.expand(1, n, -1)).view(n, 1, -1);
    }
}
