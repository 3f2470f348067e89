using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Axpo.Training.Kernels;

/// <summary>Functions on sixteen floats, inlined into the kernels: the library's own are calls, and slow ones until the runtime has recompiled them.</summary>
internal static class LaneMath
{
    /// <summary>e^x to about 1e-7 relative (Cephes' expf: reduction by ln 2 in two parts, polynomial of degree 5); 0 below -87, infinity never.</summary>
    /// <param name="x">At most 88; minus infinity gives 0, NaN stays.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Exp(Vector512<float> x)
    {
        var least = Vector512.Create(-87f);
        var z = Vector512.ConditionalSelect(Vector512.LessThan(x, least), least, x);

        // Adding 1.5 * 2^23 rounds to an integer, which then stands in the low bits.
        var magic = Vector512.Create(12582912f);
        var shifted = Vector512.FusedMultiplyAdd(z, Vector512.Create(1.44269504088896341f), magic);
        var n = shifted - magic;
        var r = Vector512.FusedMultiplyAdd(n, Vector512.Create(-0.693359375f), z);
        r = Vector512.FusedMultiplyAdd(n, Vector512.Create(2.12194440e-4f), r);
        var p = Vector512.FusedMultiplyAdd(Vector512.Create(1.9875691500e-4f), r, Vector512.Create(1.3981999507e-3f));
        p = Vector512.FusedMultiplyAdd(p, r, Vector512.Create(8.3334519073e-3f));
        p = Vector512.FusedMultiplyAdd(p, r, Vector512.Create(4.1665795894e-2f));
        p = Vector512.FusedMultiplyAdd(p, r, Vector512.Create(1.6666665459e-1f));
        p = Vector512.FusedMultiplyAdd(p, r, Vector512.Create(5.0000001201e-1f));
        p = Vector512.FusedMultiplyAdd(p, r * r, r) + Vector512<float>.One;
        var scaled = p.AsInt32() + ((shifted.AsInt32() - magic.AsInt32()) << 23);
        return Vector512.ConditionalSelect(Vector512.LessThan(x, least), Vector512<float>.Zero, scaled.AsSingle());
    }

    /// <summary>1 / (1 + e^-x); NaN stays.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Sigmoid(Vector512<float> x)
    {
        var least = Vector512.Create(-87f);
        return Vector512<float>.One / (Vector512<float>.One + Exp(-Vector512.ConditionalSelect(Vector512.LessThan(x, least), least, x)));
    }

    /// <summary>The largest lane.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Largest(Vector512<float> x)
    {
        var half = Vector256.Max(x.GetLower(), x.GetUpper());
        var quarter = Vector128.Max(half.GetLower(), half.GetUpper());
        return MathF.Max(MathF.Max(quarter[0], quarter[1]), MathF.Max(quarter[2], quarter[3]));
    }
}
