using Axpo.Training.Devices;
using Axpo.Training.Native;
using static TorchSharp.torch;

namespace Axpo.Training.Models;

/// <summary>Rotary position embedding on halves (d, d + D/2), as in transformers; tables in float32.</summary>
public static class Rope
{
    /// <summary>Inverse frequencies theta^(-2j/D) [headDim / 2], long wavelengths stretched where the shape says so.</summary>
    public static Tensor InverseFrequencies(DecoderConfig config)
    {
        var even = tensor(Enumerable.Range(0, config.HeadDim / 2).Select(j => 2f * j).ToArray());
        var plain = pow(even.FilledLike(config.RopeTheta), even.Over(config.HeadDim)).reciprocal();
        return config.RopeScaling is { } scaling ? tensor([.. plain.Floats().Select(f => Stretched(f, scaling))]) : plain;
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

    /// <summary>Between long and short the blend falls from the divided frequency to the plain one, linearly in the old context's number of wavelengths.</summary>
    private static float Stretched(float frequency, RopeScaling scaling)
    {
        var wavelengths = scaling.OriginalContext * frequency / (2 * Math.PI);
        var plain = Math.Clamp((wavelengths - scaling.LowFrequencyFactor) / (scaling.HighFrequencyFactor - scaling.LowFrequencyFactor), 0, 1);
        return (float)(((1 - plain) * frequency / scaling.Factor) + (plain * frequency));
    }

    /// <summary>Rotates.</summary>
    /// <param name="x">[n, heads, headDim].</param>
    /// <param name="cos">[n, 1, headDim].</param>
    /// <param name="sin">[n, 1, headDim].</param>
    public static Tensor Apply(Tensor x, Tensor cos, Tensor sin)
    {
        var half = x.size(-1) / 2;
        var rotated = cat([x.narrow(-1, half, half).neg(), x.narrow(-1, 0, half)], -1);
        return (x * cos).Plus(rotated * sin);
    }
}
