using Axpo.Training.Native;
using static TorchSharp.torch;

namespace Axpo.Training.Models;

/// <summary>Rotary position embedding on halves (d, d + D/2), as in transformers; tables in float32.</summary>
public static class Rope
{
    /// <summary>Inverse frequencies theta^(-2j/D) [headDim / 2].</summary>
    public static Tensor InverseFrequencies(DecoderConfig config)
    {
        var even = tensor(Enumerable.Range(0, config.HeadDim / 2).Select(j => 2f * j).ToArray());
        return pow(even.FilledLike(config.RopeTheta), even.Over(config.HeadDim)).reciprocal();
    }

    /// <summary>cos and sin of every position, both [positions, headDim].</summary>
    public static (Tensor Cos, Tensor Sin) Tables(DecoderConfig config, Device device, ScalarType dtype)
    {
        if (device.type == TorchSharp.DeviceType.META)
        {
            return (empty(0, device: device), empty(0, device: device));
        }

        var angles = outer(tensor(Enumerable.Range(0, config.MaxPositions).Select(p => (float)p).ToArray()), InverseFrequencies(config));
        var both = cat([angles, angles], -1);
        return (both.cos().to(dtype, device), both.sin().to(dtype, device));
    }

    /// <summary>Rotates.</summary>
    /// <param name="x">[n, heads, headDim].</param>
    /// <param name="cos">[n, 1, headDim].</param>
    /// <param name="sin">[n, 1, headDim].</param>
    public static Tensor Apply(Tensor x, Tensor cos, Tensor sin)
    {
        var half = x.shape[^1] / 2;
        var rotated = cat([x.narrow(-1, half, half).neg(), x.narrow(-1, 0, half)], -1);
        return (x * cos).Plus(rotated * sin);
    }
}
