using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using TorchSharp;
using static TorchSharp.torch;

namespace Axpo.Training.Kernels;

/// <summary>
/// Matrix products of passes written by hand, in float32 on the CPU. libtorch's MKL takes its kernels for AVX-512 on Intel's processors only: elsewhere, on a thread by itself, the products are <see cref="PanelProduct"/>'s,
/// whose panels are packed on the way. Which of the two it is follows from the processor, the number of rows and the thread's number of intra-op threads alone. Tensors are contiguous.
/// </summary>
internal static unsafe class HostProduct
{
    // Fewer rows are not worth the packing.
    private const int FewestRows = 64;

    private static readonly bool _isOurs = PanelProduct.IsSupported && !IsIntel();

    /// <summary>x W^T, as a new tensor.</summary>
    /// <param name="x">[n, in].</param>
    /// <param name="weight">W [out, in].</param>
    /// <returns>[n, out].</returns>
    public static Tensor Forward(Tensor x, Tensor weight)
    {
        if (IsOurs(x))
        {
            var output = empty(x.size(0), weight.size(0));
            Forward(x, weight, output, null, 0);
            return output;
        }

        using var columns = weight.t();
        return x.mm(columns);
    }

    /// <summary>addend + x W^T, as a new tensor.</summary>
    /// <param name="addend">[n, out], or [out] for every row.</param>
    /// <param name="x">[n, in].</param>
    /// <param name="weight">W [out, in].</param>
    /// <returns>[n, out].</returns>
    public static Tensor Forward(Tensor addend, Tensor x, Tensor weight)
    {
        if (IsOurs(x))
        {
            var output = empty(x.size(0), weight.size(0));
            Forward(x, weight, output, HostMemory.Floats(addend), addend.dim() == 1 ? 0 : (nint)weight.size(0));
            return output;
        }

        using var columns = weight.t();
        return addend.addmm(x, columns, 1, 1);
    }

    /// <summary>Adds x W^T.</summary>
    /// <param name="sum">[n, out]; added to.</param>
    /// <param name="x">[n, in].</param>
    /// <param name="weight">W [out, in].</param>
    public static void AddForward(Tensor sum, Tensor x, Tensor weight)
    {
        if (IsOurs(x))
        {
            Forward(x, weight, sum, HostMemory.Floats(sum), (nint)weight.size(0));
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
        if (!IsOurs(gradient))
        {
            return gradient.mm(weight);
        }

        var output = empty(gradient.size(0), weight.size(1));
        Back(gradient, weight, output, isSum: false);
        return output;
    }

    /// <summary>Adds dy W.</summary>
    /// <param name="sum">[n, in]; added to.</param>
    /// <param name="gradient">dy [n, out].</param>
    /// <param name="weight">W [out, in].</param>
    public static void AddBack(Tensor sum, Tensor gradient, Tensor weight)
    {
        if (IsOurs(gradient))
        {
            Back(gradient, weight, sum, isSum: true);
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
        if (IsOurs(gradient))
        {
            var output = empty(gradient.size(1), x.size(1));
            Gather(gradient, x, output, isSum: false);
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
        if (IsOurs(gradient))
        {
            Gather(gradient, x, sum, isSum: true);
            return;
        }

        using var columns = gradient.t();
        sum.addmm_(columns, x, 1, 1);
    }

    private static bool IsOurs(Tensor rows) => _isOurs && rows.size(0) >= FewestRows && get_num_threads() == 1;

    private static void Forward(Tensor x, Tensor weight, Tensor output, float* addend, nint addendStride)
    {
        var (n, inner, columns) = ((int)x.size(0), (int)x.size(1), (int)output.size(1));
        using var scratch = empty(inner, PanelProduct.Panel);
        float* panel = HostMemory.Floats(scratch), from = HostMemory.Floats(weight);
        StridedRows rows = new(HostMemory.Floats(x), n, inner), sums = new(addend, n, addendStride), to = new(HostMemory.Floats(output), n, columns);
        for (var column = 0; column < columns; column += PanelProduct.Panel)
        {
            var width = Math.Min(PanelProduct.Panel, columns - column);
            PanelPacking.Columns(from + ((nint)column * inner), inner, width, panel);
            PanelProduct.Multiply(rows, panel, inner, width, sums.At(0, column), to.At(0, column));
        }
    }

    private static void Back(Tensor gradient, Tensor weight, Tensor output, bool isSum) =>
        Multiply(new StridedRows(HostMemory.Floats(gradient), (int)gradient.size(0), (nint)gradient.size(1)), weight, output, isSum);

    private static void Gather(Tensor gradient, Tensor x, Tensor output, bool isSum) =>
        Multiply(new StridedRows(HostMemory.Floats(gradient), (int)gradient.size(1), 1, (nint)gradient.size(1)), x, output, isSum);

    /// <summary>Rows times a matrix [inner, columns] (+ what is there).</summary>
    private static void Multiply(StridedRows rows, Tensor matrix, Tensor output, bool isSum)
    {
        var (inner, columns) = ((int)matrix.size(0), (int)matrix.size(1));
        using var scratch = empty(inner, PanelProduct.Panel);
        float* panel = HostMemory.Floats(scratch), from = HostMemory.Floats(matrix);
        var to = new StridedRows(HostMemory.Floats(output), rows.Count, columns);
        for (var column = 0; column < columns; column += PanelProduct.Panel)
        {
            var width = Math.Min(PanelProduct.Panel, columns - column);
            PanelPacking.Rows(from + column, columns, inner, width, panel);
            PanelProduct.Multiply(rows, panel, inner, width, isSum ? to.At(0, column) : default, to.At(0, column));
        }
    }

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
