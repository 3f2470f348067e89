using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Axpo.Training.Kernels;

/// <summary>
/// Rows times a matrix whose columns stand packed in panels of <see cref="Panel"/>, on the calling thread. An element is the sum over the inner dimension in its order, one chain of fused multiply-adds, to which the addend is added
/// last: the same bits whatever other rows there are. Sums stay in registers, and a panel is read once for all rows.
/// </summary>
internal static unsafe class PanelProduct
{
    /// <summary>Columns of a panel: two vectors.</summary>
    public const int Panel = 2 * Lanes;

    private const int Lanes = 16;

    // Panels that a single row takes together: enough chains to keep the multipliers busy.
    private const int Together = 4;

    /// <summary>Whether the processor computes sixteen floats at once; elsewhere the sums would not fit into its registers.</summary>
    public static bool IsSupported => Vector512.IsHardwareAccelerated;

    /// <summary>Panels of so many columns.</summary>
    public static int Panels(long columns) => (int)((columns + Panel - 1) / Panel);

    /// <summary>Computes output = rows matrix (+ addend).</summary>
    /// <param name="rows">The rows.</param>
    /// <param name="panels">The matrix [panels, inner, 32]; columns beyond the last are not read from the result.</param>
    /// <param name="inner">Inner dimension.</param>
    /// <param name="columns">Columns wanted.</param>
    /// <param name="addend">Rows of so many columns that are added; its pointer null: nothing is.</param>
    /// <param name="output">Rows of so many columns, overwritten; may be the addend.</param>
    public static void Multiply(StridedRows rows, float* panels, int inner, int columns, StridedRows addend, StridedRows output)
    {
        var column = 0;
        while (column + Panel <= columns)
        {
            // A few rows over several panels, or all rows over one.
            var together = rows.Count < 4 && columns - column >= Together * Panel ? Together : 1;
            Whole(rows, panels, inner, together, addend.At(0, column), output.At(0, column));
            column += together * Panel;
            panels += (nint)together * inner * Panel;
        }

        if (column < columns)
        {
            Last(rows, panels, inner, columns - column, addend.At(0, column), output.At(0, column));
        }
    }

    private static void Whole(StridedRows rows, float* panels, int inner, int together, StridedRows addend, StridedRows output)
    {
        var row = Eight(rows, panels, inner, addend, output);
        for (; row + 4 <= rows.Count; row += 4)
        {
            Four(rows.At(row), panels, inner, addend.At(row), output.At(row));
        }

        for (; row < rows.Count; row++)
        {
            if (together == 1)
            {
                One(rows.At(row), panels, inner, addend.At(row), output.At(row));
            }
            else
            {
                Wide(rows.At(row), panels, inner, addend.At(row), output.At(row));
            }
        }
    }

    /// <summary>A panel that is not full: by way of whole rows beside the output.</summary>
    private static void Last(StridedRows rows, float* panel, int inner, int width, StridedRows addend, StridedRows output)
    {
        const int Rows = 8;
        var whole = stackalloc float[Rows * Panel];
        for (var first = 0; first < rows.Count; first += Rows)
        {
            var count = Math.Min(Rows, rows.Count - first);
            Whole(rows.At(first).Take(count), panel, inner, 1, default, new StridedRows(whole, count, Panel));
            for (var row = 0; row < count; row++)
            {
                StorePart(whole + (row * Panel), width, addend.At(first + row).Data, output.At(first + row).Data);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static void StorePart(float* sums, int width, float* addend, float* output)
    {
        var i = 0;
        for (; i + Vector128<float>.Count <= width; i += Vector128<float>.Count)
        {
            var sum = Vector128.Load(sums + i);
            (addend is null ? sum : sum + Vector128.Load(addend + i)).Store(output + i);
        }

        for (; i < width; i++)
        {
            output[i] = addend is null ? sums[i] : sums[i] + addend[i];
        }
    }

    /// <summary>Rows by eight.</summary>
    /// <returns>Rows done.</returns>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static int Eight(StridedRows rows, float* panel, int inner, StridedRows addend, StridedRows output)
    {
        float* r0 = rows.Data, from = addend.Data, to = output.Data, end = panel + ((nint)inner * Panel);
        var (stride, step, row) = (rows.Stride, rows.Step, 0);
        for (; row + 8 <= rows.Count; row += 8)
        {
            float* r1 = r0 + stride, r2 = r1 + stride, r3 = r2 + stride, r4 = r3 + stride, r5 = r4 + stride, r6 = r5 + stride, r7 = r6 + stride;
            Vector512<float> a0 = default, a1 = default, a2 = default, a3 = default, a4 = default, a5 = default, a6 = default, a7 = default;
            Vector512<float> b0 = default, b1 = default, b2 = default, b3 = default, b4 = default, b5 = default, b6 = default, b7 = default;
            nint at = 0;
            for (var values = panel; values < end; values += Panel, at += step)
            {
                var low = Vector512.Load(values);
                var high = Vector512.Load(values + Lanes);
                Vector512<float> x;
                x = Vector512.Create(r0[at]);
                a0 = Vector512.FusedMultiplyAdd(x, low, a0);
                b0 = Vector512.FusedMultiplyAdd(x, high, b0);
                x = Vector512.Create(r1[at]);
                a1 = Vector512.FusedMultiplyAdd(x, low, a1);
                b1 = Vector512.FusedMultiplyAdd(x, high, b1);
                x = Vector512.Create(r2[at]);
                a2 = Vector512.FusedMultiplyAdd(x, low, a2);
                b2 = Vector512.FusedMultiplyAdd(x, high, b2);
                x = Vector512.Create(r3[at]);
                a3 = Vector512.FusedMultiplyAdd(x, low, a3);
                b3 = Vector512.FusedMultiplyAdd(x, high, b3);
                x = Vector512.Create(r4[at]);
                a4 = Vector512.FusedMultiplyAdd(x, low, a4);
                b4 = Vector512.FusedMultiplyAdd(x, high, b4);
                x = Vector512.Create(r5[at]);
                a5 = Vector512.FusedMultiplyAdd(x, low, a5);
                b5 = Vector512.FusedMultiplyAdd(x, high, b5);
                x = Vector512.Create(r6[at]);
                a6 = Vector512.FusedMultiplyAdd(x, low, a6);
                b6 = Vector512.FusedMultiplyAdd(x, high, b6);
                x = Vector512.Create(r7[at]);
                a7 = Vector512.FusedMultiplyAdd(x, low, a7);
                b7 = Vector512.FusedMultiplyAdd(x, high, b7);
            }

            Store(0, from, addend.Stride, to, output.Stride, a0, b0);
            Store(1, from, addend.Stride, to, output.Stride, a1, b1);
            Store(2, from, addend.Stride, to, output.Stride, a2, b2);
            Store(3, from, addend.Stride, to, output.Stride, a3, b3);
            Store(4, from, addend.Stride, to, output.Stride, a4, b4);
            Store(5, from, addend.Stride, to, output.Stride, a5, b5);
            Store(6, from, addend.Stride, to, output.Stride, a6, b6);
            Store(7, from, addend.Stride, to, output.Stride, a7, b7);
            r0 = r7 + stride;
            from = from is null ? null : from + (8 * addend.Stride);
            to += 8 * output.Stride;
        }

        return row;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static void Four(StridedRows rows, float* panel, int inner, StridedRows addend, StridedRows output)
    {
        float* r0 = rows.Data, r1 = r0 + rows.Stride, r2 = r1 + rows.Stride, r3 = r2 + rows.Stride;
        Vector512<float> a0 = default, a1 = default, a2 = default, a3 = default, b0 = default, b1 = default, b2 = default, b3 = default;
        var (step, at) = (rows.Step, (nint)0);
        for (var end = panel + ((nint)inner * Panel); panel < end; panel += Panel, at += step)
        {
            var low = Vector512.Load(panel);
            var high = Vector512.Load(panel + Lanes);
            Vector512<float> x;
            x = Vector512.Create(r0[at]);
            a0 = Vector512.FusedMultiplyAdd(x, low, a0);
            b0 = Vector512.FusedMultiplyAdd(x, high, b0);
            x = Vector512.Create(r1[at]);
            a1 = Vector512.FusedMultiplyAdd(x, low, a1);
            b1 = Vector512.FusedMultiplyAdd(x, high, b1);
            x = Vector512.Create(r2[at]);
            a2 = Vector512.FusedMultiplyAdd(x, low, a2);
            b2 = Vector512.FusedMultiplyAdd(x, high, b2);
            x = Vector512.Create(r3[at]);
            a3 = Vector512.FusedMultiplyAdd(x, low, a3);
            b3 = Vector512.FusedMultiplyAdd(x, high, b3);
        }

        Store(0, addend.Data, addend.Stride, output.Data, output.Stride, a0, b0);
        Store(1, addend.Data, addend.Stride, output.Data, output.Stride, a1, b1);
        Store(2, addend.Data, addend.Stride, output.Data, output.Stride, a2, b2);
        Store(3, addend.Data, addend.Stride, output.Data, output.Stride, a3, b3);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static void One(StridedRows rows, float* panel, int inner, StridedRows addend, StridedRows output)
    {
        Vector512<float> a = default, b = default;
        var (row, step) = ((nint)rows.Data, rows.Step * sizeof(float));
        for (var end = panel + ((nint)inner * Panel); panel < end; panel += Panel, row += step)
        {
            var x = Vector512.Create(*(float*)row);
            a = Vector512.FusedMultiplyAdd(x, Vector512.Load(panel), a);
            b = Vector512.FusedMultiplyAdd(x, Vector512.Load(panel + Lanes), b);
        }

        Store(0, addend.Data, addend.Stride, output.Data, output.Stride, a, b);
    }

    /// <summary>One row over four panels.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static void Wide(StridedRows rows, float* panel, int inner, StridedRows addend, StridedRows output)
    {
        Vector512<float> a0 = default, a1 = default, a2 = default, a3 = default, b0 = default, b1 = default, b2 = default, b3 = default;
        var size = (nint)inner * Panel;
        float* p1 = panel + size, p2 = p1 + size, p3 = p2 + size;
        var (row, step) = ((nint)rows.Data, rows.Step * sizeof(float));
        for (nint at = 0; at < size; at += Panel, row += step)
        {
            var x = Vector512.Create(*(float*)row);
            a0 = Vector512.FusedMultiplyAdd(x, Vector512.Load(panel + at), a0);
            b0 = Vector512.FusedMultiplyAdd(x, Vector512.Load(panel + at + Lanes), b0);
            a1 = Vector512.FusedMultiplyAdd(x, Vector512.Load(p1 + at), a1);
            b1 = Vector512.FusedMultiplyAdd(x, Vector512.Load(p1 + at + Lanes), b1);
            a2 = Vector512.FusedMultiplyAdd(x, Vector512.Load(p2 + at), a2);
            b2 = Vector512.FusedMultiplyAdd(x, Vector512.Load(p2 + at + Lanes), b2);
            a3 = Vector512.FusedMultiplyAdd(x, Vector512.Load(p3 + at), a3);
            b3 = Vector512.FusedMultiplyAdd(x, Vector512.Load(p3 + at + Lanes), b3);
        }

        Store(0, addend.Data, addend.Stride, output.Data, output.Stride, a0, b0);
        Store(0, addend.At(0, Panel).Data, 0, output.Data + Panel, 0, a1, b1);
        Store(0, addend.At(0, 2 * Panel).Data, 0, output.Data + (2 * Panel), 0, a2, b2);
        Store(0, addend.At(0, 3 * Panel).Data, 0, output.Data + (3 * Panel), 0, a3, b3);
    }

    // No call here: the sums would go to memory and back in every round of the loops above.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(int row, float* addend, nint addendStride, float* output, nint stride, Vector512<float> a, Vector512<float> b)
    {
        if (addend is not null)
        {
            a += Vector512.Load(addend + (row * addendStride));
            b += Vector512.Load(addend + (row * addendStride) + Lanes);
        }

        a.Store(output + (row * stride));
        b.Store(output + (row * stride) + Lanes);
    }
}

/// <summary>Rows in memory.</summary>
/// <param name="data">The first element.</param>
/// <param name="count">How many.</param>
/// <param name="stride">From one row to the next, in floats; 0: all are the same.</param>
/// <param name="step">From one element of a row to the next; more than 1 for rows of a transposed matrix, which are only read.</param>
internal readonly unsafe struct StridedRows(float* data, int count, nint stride, nint step = 1)
{
    public readonly float* Data = data;

    public readonly int Count = count;

    public readonly nint Stride = stride;

    public readonly nint Step = step;

    /// <summary>The same from a row and a column on; nothing where there is nothing.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public StridedRows At(int row, int column = 0) => Data is null ? this : new(Data + (row * Stride) + column, Count - row, Stride, Step);

    /// <summary>The same without the first elements of each.</summary>
    public StridedRows Skip(int elements) => new(Data + (elements * Step), Count, Stride, Step);

    /// <summary>The first of them.</summary>
    public StridedRows Take(int count) => new(Data, count, Stride, Step);
}
