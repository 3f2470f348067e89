using TorchSharp;
using static TorchSharp.torch;

namespace Axpo.Training.Native;

/// <summary>
/// Arithmetic of tensors with numbers. TorchSharp 0.107.0 makes a native scalar for each such operator, and for the factor 1 of a sum of two tensors, takes its handle and drops it: a garbage
/// collection on another thread may free the scalar while libtorch reads it, which then throws (<c>Scalar.h, toFloat</c>) or, worse, computes with another number. Here every scalar
/// outlives its call; eng/BannedSymbols.txt keeps the operators out of src/.
/// </summary>
public static class TensorMath
{
    private static readonly Scalar _one = One();

    /// <summary>a + b.</summary>
    public static Tensor Plus(this Tensor a, Tensor b) => a.add(b, _one);

    /// <summary>a + b.</summary>
    public static Tensor Plus(this Tensor a, double b) => With(b, s => a.add(s, _one));

    /// <summary>a + b for integers.</summary>
    public static Tensor Plus(this Tensor a, long b)
    {
        using var scalar = b.ToScalar();
        return a.add(scalar, _one);
    }

    /// <summary>a * b.</summary>
    public static Tensor Times(this Tensor a, double b) => With(b, a.mul);

    /// <summary>a * b, in place.</summary>
    public static void MultiplyBy(this Tensor a, double b) => With(b, a.mul_);

    /// <summary>a + b, in place.</summary>
    public static void IncreaseBy(this Tensor a, Tensor b) => a.add_(b, _one);

    /// <summary>a / b.</summary>
    public static Tensor Over(this Tensor a, double b) => With(b, s => a.div(s));

    /// <summary>a^2.</summary>
    public static Tensor Squared(this Tensor a) => a * a;

    /// <summary>a within [low, high]; the gradient beyond is 0.</summary>
    public static Tensor Within(this Tensor a, double low, double high) => With(low, l => With(high, h => a.clamp(l, h)));

    /// <summary>min(a, high).</summary>
    public static Tensor AtMost(this Tensor a, double high) => With(high, a.clamp_max);

    /// <summary>max(a, low).</summary>
    public static Tensor AtLeast(this Tensor a, double low) => With(low, a.clamp_min);

    /// <summary>Whether a is below b.</summary>
    public static Tensor IsBelow(this Tensor a, double b) => With(b, a.lt);

    /// <summary>Whether a is above b.</summary>
    public static Tensor IsAbove(this Tensor a, double b) => With(b, a.gt);

    /// <summary>a filled with b, in place.</summary>
    public static void Fill(this Tensor a, double b) => With(b, a.fill_);

    /// <summary>A tensor like a, filled with b.</summary>
    public static Tensor FilledLike(this Tensor a, double b) => With(b, s => full_like(a, s));

    /// <summary>Sums of the rows of b [m] by their index [m] into [count].</summary>
    public static Tensor SumByIndex(this Tensor b, Tensor index, long count) => zeros(count, b.dtype, b.device).index_add(0, index, b, _one);

    /// <summary>a with the rows of b [m, width] added to its rows at an index [m].</summary>
    public static Tensor PlusRows(this Tensor a, Tensor index, Tensor b) => a.index_add(0, index, b, _one);

    private static Tensor With(double value, Func<Scalar, Tensor> operation)
    {
        // Disposed, and so alive, until after the call.
        using var scalar = value.ToScalar();
        return operation(scalar);
    }

    private static Scalar One()
    {
        LibtorchLoader.EnsureLoaded();
        return 1L.ToScalar();
    }
}
