using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Axpo.Training.Kernels;

/// <summary>
/// Products of four rows with the rows of a head, the inner loops of attention. Rows stand packed: widths are filled up with zeros to a multiple of sixteen, weights stand in rows of <c>stride</c>.
/// </summary>
internal static unsafe class AttentionTile
{
    /// <summary>Rows of a tile.</summary>
    public const int Rows = 4;

    /// <summary>Elements of a vector.</summary>
    public const int Lanes = 16;

    /// <summary>Scores of the rows with every column: rows [4, width] times columns [depth, stride].</summary>
    /// <param name="rows">[4, width].</param>
    /// <param name="width">Filled-up width of a row.</param>
    /// <param name="columns">[depth, stride].</param>
    /// <param name="depth">Width of a head.</param>
    /// <param name="stride">Columns of a row of scores.</param>
    /// <param name="count">Columns wanted; a multiple of sixteen.</param>
    /// <param name="scores">[4, stride], overwritten up to count.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Scores(float* rows, int width, float* columns, int depth, int stride, int count, float* scores)
    {
        float* r0 = rows, r1 = rows + width, r2 = r1 + width, r3 = r2 + width;
        var at = 0;
        for (; at + (2 * Lanes) <= count; at += 2 * Lanes)
        {
            var (a0, a1, a2, a3) = (Vector512<float>.Zero, Vector512<float>.Zero, Vector512<float>.Zero, Vector512<float>.Zero);
            var (b0, b1, b2, b3) = (Vector512<float>.Zero, Vector512<float>.Zero, Vector512<float>.Zero, Vector512<float>.Zero);
            var column = columns + at;
            for (var d = 0; d < depth; d++, column += stride)
            {
                var low = Vector512.Load(column);
                var high = Vector512.Load(column + Lanes);
                var x0 = Vector512.Create(r0[d]);
                var x1 = Vector512.Create(r1[d]);
                var x2 = Vector512.Create(r2[d]);
                var x3 = Vector512.Create(r3[d]);
                a0 = Vector512.FusedMultiplyAdd(x0, low, a0);
                b0 = Vector512.FusedMultiplyAdd(x0, high, b0);
                a1 = Vector512.FusedMultiplyAdd(x1, low, a1);
                b1 = Vector512.FusedMultiplyAdd(x1, high, b1);
                a2 = Vector512.FusedMultiplyAdd(x2, low, a2);
                b2 = Vector512.FusedMultiplyAdd(x2, high, b2);
                a3 = Vector512.FusedMultiplyAdd(x3, low, a3);
                b3 = Vector512.FusedMultiplyAdd(x3, high, b3);
            }

            Store(scores + at, stride, a0, a1, a2, a3);
            Store(scores + at + Lanes, stride, b0, b1, b2, b3);
        }

        for (; at < count; at += Lanes)
        {
            var (a0, a1, a2, a3) = (Vector512<float>.Zero, Vector512<float>.Zero, Vector512<float>.Zero, Vector512<float>.Zero);
            var column = columns + at;
            for (var d = 0; d < depth; d++, column += stride)
            {
                var low = Vector512.Load(column);
                a0 = Vector512.FusedMultiplyAdd(Vector512.Create(r0[d]), low, a0);
                a1 = Vector512.FusedMultiplyAdd(Vector512.Create(r1[d]), low, a1);
                a2 = Vector512.FusedMultiplyAdd(Vector512.Create(r2[d]), low, a2);
                a3 = Vector512.FusedMultiplyAdd(Vector512.Create(r3[d]), low, a3);
            }

            Store(scores + at, stride, a0, a1, a2, a3);
        }
    }

    /// <summary>Sums of values weighed for each of the rows: weights [4, stride] times values [count, width].</summary>
    /// <param name="weights">[4, stride].</param>
    /// <param name="stride">Weights of a row.</param>
    /// <param name="values">[count, width].</param>
    /// <param name="count">Values.</param>
    /// <param name="width">Filled-up width of a row.</param>
    /// <param name="output">[4, width], overwritten.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Mix(float* weights, int stride, float* values, int count, int width, float* output)
    {
        float* w0 = weights, w1 = weights + stride, w2 = w1 + stride, w3 = w2 + stride;
        var at = 0;
        for (; at + (2 * Lanes) <= width; at += 2 * Lanes)
        {
            var (a0, a1, a2, a3) = (Vector512<float>.Zero, Vector512<float>.Zero, Vector512<float>.Zero, Vector512<float>.Zero);
            var (b0, b1, b2, b3) = (Vector512<float>.Zero, Vector512<float>.Zero, Vector512<float>.Zero, Vector512<float>.Zero);
            var value = values + at;
            for (var t = 0; t < count; t++, value += width)
            {
                var low = Vector512.Load(value);
                var high = Vector512.Load(value + Lanes);
                var x0 = Vector512.Create(w0[t]);
                var x1 = Vector512.Create(w1[t]);
                var x2 = Vector512.Create(w2[t]);
                var x3 = Vector512.Create(w3[t]);
                a0 = Vector512.FusedMultiplyAdd(x0, low, a0);
                b0 = Vector512.FusedMultiplyAdd(x0, high, b0);
                a1 = Vector512.FusedMultiplyAdd(x1, low, a1);
                b1 = Vector512.FusedMultiplyAdd(x1, high, b1);
                a2 = Vector512.FusedMultiplyAdd(x2, low, a2);
                b2 = Vector512.FusedMultiplyAdd(x2, high, b2);
                a3 = Vector512.FusedMultiplyAdd(x3, low, a3);
                b3 = Vector512.FusedMultiplyAdd(x3, high, b3);
            }

            Store(output + at, width, a0, a1, a2, a3);
            Store(output + at + Lanes, width, b0, b1, b2, b3);
        }

        for (; at < width; at += Lanes)
        {
            var (a0, a1, a2, a3) = (Vector512<float>.Zero, Vector512<float>.Zero, Vector512<float>.Zero, Vector512<float>.Zero);
            var value = values + at;
            for (var t = 0; t < count; t++, value += width)
            {
                var low = Vector512.Load(value);
                a0 = Vector512.FusedMultiplyAdd(Vector512.Create(w0[t]), low, a0);
                a1 = Vector512.FusedMultiplyAdd(Vector512.Create(w1[t]), low, a1);
                a2 = Vector512.FusedMultiplyAdd(Vector512.Create(w2[t]), low, a2);
                a3 = Vector512.FusedMultiplyAdd(Vector512.Create(w3[t]), low, a3);
            }

            Store(output + at, width, a0, a1, a2, a3);
        }
    }

    /// <summary>The transpose of <see cref="Mix"/>: adds the four rows, each weighed, to every sum.</summary>
    /// <param name="weights">[4, stride].</param>
    /// <param name="stride">Weights of a row.</param>
    /// <param name="rows">[4, width].</param>
    /// <param name="count">Sums.</param>
    /// <param name="width">Filled-up width of a row.</param>
    /// <param name="sums">[count, width], added to.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Spread(float* weights, int stride, float* rows, int count, int width, float* sums)
    {
        float* w0 = weights, w1 = weights + stride, w2 = w1 + stride, w3 = w2 + stride;
        for (var at = 0; at < width; at += Lanes)
        {
            var row = rows + at;
            var x0 = Vector512.Load(row);
            var x1 = Vector512.Load(row + width);
            var x2 = Vector512.Load(row + (2 * width));
            var x3 = Vector512.Load(row + (3 * width));
            var sum = sums + at;
            for (var t = 0; t < count; t++, sum += width)
            {
                var a = Vector512.FusedMultiplyAdd(Vector512.Create(w0[t]), x0, Vector512.Load(sum));
                var b = Vector512.Create(w1[t]) * x1;
                a = Vector512.FusedMultiplyAdd(Vector512.Create(w2[t]), x2, a);
                b = Vector512.FusedMultiplyAdd(Vector512.Create(w3[t]), x3, b);
                (a + b).Store(sum);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(float* to, int stride, Vector512<float> a, Vector512<float> b, Vector512<float> c, Vector512<float> d)
    {
        a.Store(to);
        b.Store(to + stride);
        c.Store(to + (2 * stride));
        d.Store(to + (3 * stride));
    }
}
