using TorchSharp;
using static TorchSharp.torch;

namespace Axpo.Device;

/// <summary>Distances between tensors, computed on the CPU in float64.</summary>
internal static class Compare
{
    /// <summary>Largest absolute difference; infinite where a value is not finite.</summary>
    public static double Largest(Tensor got, Tensor want)
    {
        using var scope = NewDisposeScope();
        var largest = (Exact(got) - Exact(want)).abs().max().ToDouble();
        return double.IsFinite(largest) ? largest : double.PositiveInfinity;
    }

    /// <summary>Norm of the difference over the norm of what is wanted.</summary>
    public static double Relative(Tensor got, Tensor want)
    {
        using var scope = NewDisposeScope();
        var (difference, norm) = ((Exact(got) - Exact(want)).norm().ToDouble(), Exact(want).norm().ToDouble());
        return double.IsFinite(difference) ? difference / Math.Max(norm, 1e-30) : double.PositiveInfinity;
    }

    private static Tensor Exact(Tensor value) => value.detach().to(ScalarType.Float64, CPU).flatten();
}
