using static TorchSharp.torch;

namespace Axpo.Training.Kernels;

/// <summary>Products of a linear layer's passes by <see cref="PanelProduct"/>, panels packed on the way. Where a sum is over more than <see cref="Block"/> elements, blocks of so many are added up one after the other. float32 on the CPU, contiguous.</summary>
internal static unsafe class PanelPass
{
    /// <summary>Elements of a sum at once: the panel stays in the second-level cache, and rounding grows with the number of blocks rather than with the length of a sum.</summary>
    public const int Block = 1024;

    /// <summary>output = x W^T (+ addend).</summary>
    /// <param name="x">[n, in].</param>
    /// <param name="weight">W [out, in].</param>
    /// <param name="addend">[n, out], perhaps the output, or [out] for every row; null: none.</param>
    /// <param name="output">[n, out], overwritten.</param>
    public static void Forward(Tensor x, Tensor weight, Tensor? addend, Tensor output)
    {
        var (n, inner, columns) = ((int)x.size(0), (int)x.size(1), (int)weight.size(0));
        Require(weight.size(1) == inner && output.size(0) == n && output.size(1) == columns, x, weight, output);
        Require(addend is null || (addend.size(-1) == columns && addend.numel() == (addend.dim() == 1 ? columns : (long)n * columns)), x, weight, addend);
        var from = HostMemory.Floats(weight);
        var sums = addend is null ? default : new StridedRows(HostMemory.Floats(addend), n, addend.dim() == 1 ? 0 : columns);
        Multiply(
            new StridedRows(HostMemory.Floats(x), n, inner), inner, columns, sums, new StridedRows(HostMemory.Floats(output), n, columns),
            (first, count, column, width, panel) => PanelPacking.Columns(from + ((nint)column * inner) + first, inner, count, width, panel));
    }

    /// <summary>output = dy W (+ output).</summary>
    /// <param name="gradient">dy [n, out].</param>
    /// <param name="weight">W [out, in].</param>
    /// <param name="output">[n, in].</param>
    /// <param name="isSum">Whether what is there is added.</param>
    public static void Back(Tensor gradient, Tensor weight, Tensor output, bool isSum)
    {
        var (n, inner, columns) = ((int)gradient.size(0), (int)gradient.size(1), (int)weight.size(1));
        Require(weight.size(0) == inner && output.size(0) == n && output.size(1) == columns, gradient, weight, output);
        ByRows(new StridedRows(HostMemory.Floats(gradient), n, inner), weight, inner, columns, output, isSum);
    }

    /// <summary>output = dy^T x (+ output).</summary>
    /// <param name="gradient">dy [n, out].</param>
    /// <param name="x">[n, in].</param>
    /// <param name="output">[out, in].</param>
    /// <param name="isSum">Whether what is there is added.</param>
    public static void Gather(Tensor gradient, Tensor x, Tensor output, bool isSum)
    {
        var (n, rows, columns) = ((int)gradient.size(0), (int)gradient.size(1), (int)x.size(1));
        Require(x.size(0) == n && output.size(0) == rows && output.size(1) == columns, gradient, x, output);
        ByRows(new StridedRows(HostMemory.Floats(gradient), rows, 1, rows), x, n, columns, output, isSum);
    }

    private static void ByRows(StridedRows rows, Tensor matrix, int inner, int columns, Tensor output, bool isSum)
    {
        var from = HostMemory.Floats(matrix);
        var to = new StridedRows(HostMemory.Floats(output), rows.Count, columns);
        Multiply(rows, inner, columns, isSum ? to : default, to, (first, count, column, width, panel) => PanelPacking.Rows(from + ((nint)first * columns) + column, columns, count, width, panel));
    }

    private static void Multiply(StridedRows rows, int inner, int columns, StridedRows addend, StridedRows output, Packing pack)
    {
        using var scratch = empty(Math.Min(inner, Block), PanelProduct.Panel);
        var panel = HostMemory.Floats(scratch);
        for (var column = 0; column < columns; column += PanelProduct.Panel)
        {
            var width = Math.Min(PanelProduct.Panel, columns - column);
            var (sums, to) = (addend.At(0, column), output.At(0, column));
            for (var first = 0; first == 0 || first < inner; first += Block)
            {
                var count = Math.Min(Block, inner - first);
                pack(first, count, column, width, panel);
                PanelProduct.Multiply(rows.Skip(first), panel, count, width, first == 0 ? sums : to, to);
            }
        }
    }

    private static void Require(bool fits, Tensor rows, Tensor matrix, Tensor? other)
    {
        if (!fits)
        {
            throw new ArgumentException($"shapes that do not fit: [{string.Join(", ", rows.shape)}], [{string.Join(", ", matrix.shape)}]{(other is null ? "" : $" and [{string.Join(", ", other.shape)}]")}", nameof(matrix));
        }
    }

    /// <summary>Packs a block of a panel.</summary>
    private delegate void Packing(int first, int count, int column, int width, float* panel);
}
