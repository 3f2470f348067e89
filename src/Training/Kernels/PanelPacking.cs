using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Axpo.Training.Kernels;

/// <summary>Packs 32 columns of a matrix as a panel [inner, 32] of <see cref="PanelProduct"/>; columns that are not there are zeros.</summary>
internal static unsafe class PanelPacking
{
    private const int Panel = PanelProduct.Panel;
    private const int Lanes = 16;

    /// <summary>Of a matrix by rows.</summary>
    /// <param name="matrix">First of the columns in the first row.</param>
    /// <param name="stride">From one row to the next.</param>
    /// <param name="inner">Rows.</param>
    /// <param name="width">Columns that are there.</param>
    /// <param name="panel">[inner, 32], overwritten.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Rows(float* matrix, nint stride, int inner, int width, float* panel)
    {
        if (width < Panel)
        {
            new Span<float>(panel, inner * Panel).Clear();
        }

        for (var i = 0; i < inner; i++, matrix += stride, panel += Panel)
        {
            if (width == Panel)
            {
                Vector512.Load(matrix).Store(panel);
                Vector512.Load(matrix + Lanes).Store(panel + Lanes);
                continue;
            }

            for (var column = 0; column < width; column++)
            {
                panel[column] = matrix[column];
            }
        }
    }

    /// <summary>Of the transposed matrix.</summary>
    /// <param name="columns">First element of the first column.</param>
    /// <param name="stride">From one column to the next.</param>
    /// <param name="inner">Elements of a column.</param>
    /// <param name="width">Columns that are there.</param>
    /// <param name="panel">[inner, 32], overwritten.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Columns(float* columns, nint stride, int inner, int width, float* panel)
    {
        if (width < Panel)
        {
            new Span<float>(panel, inner * Panel).Clear();
        }

        var column = 0;
        for (; column + 4 <= width; column += 4)
        {
            float* c0 = columns + (column * stride), c1 = c0 + stride, c2 = c1 + stride, c3 = c2 + stride;
            var to = panel + column;
            for (var i = 0; i < inner; i++, to += Panel)
            {
                Vector128.Create(c0[i], c1[i], c2[i], c3[i]).Store(to);
            }
        }

        for (; column < width; column++)
        {
            for (var i = 0; i < inner; i++)
            {
                panel[(i * Panel) + column] = columns[(column * stride) + i];
            }
        }
    }
}
