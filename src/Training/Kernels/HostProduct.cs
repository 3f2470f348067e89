using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using TorchSharp;
using static TorchSharp.torch;

namespace Axpo.Training.Kernels;

/// <summary>
/// Matrix products of passes written by hand, in float32 on the CPU, contiguous. libtorch's MKL takes its kernels for AVX-512 on Intel's processors only: elsewhere, on a thread by itself, they are <see cref="PanelPass"/>'s where there
/// are rows enough to pay for its packing. Which of the two it is follows from the processor, the shapes and the thread's number of intra-op threads alone.
/// </summary>
internal static class HostProduct
{
    private const int FewestRows = 64;

    /// <summary>Whether this processor is one for which the products are ours.</summary>
    public static bool IsOursHere { get; } = PanelProduct.IsSupported && !IsIntel();

    /// <summary>x W^T (+ addend), as a new tensor.</summary>
    /// <param name="x">[n, in].</param>
    /// <param name="weight">W [out, in].</param>
    /// <param name="addend">[n, out], or [out] for every row; null: none.</param>
    /// <returns>[n, out].</returns>
    public static Tensor Forward(Tensor x, Tensor weight, Tensor? addend = null)
    {
        if (IsOurs(x.size(0)))
        {
            var output = empty(x.size(0), weight.size(0));
            PanelPass.Forward(x, weight, addend, output);
            return output;
        }

        using var columns = weight.t();
        return addend is null ? x.mm(columns) : addend.addmm(x, columns, 1, 1);
    }

    /// <summary>Adds x W^T.</summary>
    /// <param name="sum">[n, out]; added to.</param>
    /// <param name="x">[n, in].</param>
    /// <param name="weight">W [out, in].</param>
    public static void AddForward(Tensor sum, Tensor x, Tensor weight)
    {
        if (IsOurs(x.size(0)))
        {
            PanelPass.Forward(x, weight, sum, sum);
            return;
        }

        using var columns = weight.t();
        sum.addmm_(x, columns, 1, 1);
    }

    /// <summary>dy W, as a new tensor.</summary>
    /// <param name="gradient">dy [n, out].</param>
    /// <param name="weight">W [out, in].</param>
    /// <returns>[n, in].</returns>
    public static Tensor Back(Tensor gradient, Tensor weight)
    {
        if (!IsOurs(gradient.size(0)))
        {
            return gradient.mm(weight);
        }

        var output = empty(gradient.size(0), weight.size(1));
        PanelPass.Back(gradient, weight, output, isSum: false);
        return output;
    }

    /// <summary>Adds dy W.</summary>
    /// <param name="sum">[n, in]; added to.</param>
    /// <param name="gradient">dy [n, out].</param>
    /// <param name="weight">W [out, in].</param>
    public static void AddBack(Tensor sum, Tensor gradient, Tensor weight)
    {
        if (IsOurs(gradient.size(0)))
        {
            PanelPass.Back(gradient, weight, sum, isSum: true);
            return;
        }

        sum.addmm_(gradient, weight, 1, 1);
    }

    /// <summary>dy^T x, the gradient of W, as a new tensor.</summary>
    /// <param name="gradient">dy [n, out].</param>
    /// <param name="x">[n, in].</param>
    /// <returns>[out, in].</returns>
    public static Tensor Gather(Tensor gradient, Tensor x)
    {
        if (IsOurs(gradient.size(1)))
        {
            var output = empty(gradient.size(1), x.size(1));
            PanelPass.Gather(gradient, x, output, isSum: false);
            return output;
        }

        using var columns = gradient.t();
        return columns.mm(x);
    }

    /// <summary>Adds dy^T x.</summary>
    /// <param name="sum">[out, in]; added to.</param>
    /// <param name="gradient">dy [n, out].</param>
    /// <param name="x">[n, in].</param>
    public static void AddGather(Tensor sum, Tensor gradient, Tensor x)
    {
        if (IsOurs(gradient.size(1)))
        {
            PanelPass.Gather(gradient, x, sum, isSum: true);
            return;
        }

        using var columns = gradient.t();
        sum.addmm_(columns, x, 1, 1);
    }

    /// <param name="rows">Rows of the result.</param>
    private static bool IsOurs(long rows) => IsOursHere && rows >= FewestRows && get_num_threads() == 1;

    private static bool IsIntel()
    {
        if (!X86Base.IsSupported)
        {
            return false;
        }

        var (_, b, c, d) = X86Base.CpuId(0, 0);
        return Vector128.Create(b, d, c, 0).AsByte() == Vector128.Create("GenuineIntel\0\0\0\0"u8);
    }
}
