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

    /// <summary>Four rows times a matrix: queries times columns of keys, weights times values. An element is the sum over the inner dimension in its order.</summary>
    /// <param name="rows">[4, stride].</param>
    /// <param name="stride">Elements of a row.</param>
    /// <param name="matrix">[inner, width].</param>
    /// <param name="inner">Rows of the matrix.</param>
    /// <param name="width">Elements of its rows, and of those of the output.</param>
    /// <param name="count">Columns wanted; a multiple of sixteen.</param>
    /// <param name="output">[4, width], overwritten up to count.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Multiply(float* rows, int stride, float* matrix, int inner, int width, int count, float* output)
    {
        float* r0 = rows, r1 = rows + stride, r2 = r1 + stride, r3 = r2 + stride;
        var at = 0;
        for (; at + (2 * Lanes) <= count; at += 2 * Lanes)
        {
            var (a0, a1, a2, a3) = (Vector512<float>.Zero, Vector512<float>.Zero, Vector512<float>.Zero, Vector512<float>.Zero);
            var (b0, b1, b2, b3) = (Vector512<float>.Zero, Vector512<float>.Zero, Vector512<float>.Zero, Vector512<float>.Zero);
            var column = matrix + at;
            for (var i = 0; i < inner; i++, column += width)
            {
                var low = Vector512.Load(column);
                var high = Vector512.Load(column + Lanes);
                var x0 = Vector512.Create(r0[i]);
                var x1 = Vector512.Create(r1[i]);
                var x2 = Vector512.Create(r2[i]);
                var x3 = Vector512.Create(r3[i]);
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

        for (; at < count; at += Lanes)
        {
            var (a0, a1, a2, a3) = (Vector512<float>.Zero, Vector512<float>.Zero, Vector512<float>.Zero, Vector512<float>.Zero);
            var column = matrix + at;
            for (var i = 0; i < inner; i++, column += width)
            {
                var low = Vector512.Load(column);
                a0 = Vector512.FusedMultiplyAdd(Vector512.Create(r0[i]), low, a0);
                a1 = Vector512.FusedMultiplyAdd(Vector512.Create(r1[i]), low, a1);
                a2 = Vector512.FusedMultiplyAdd(Vector512.Create(r2[i]), low, a2);
                a3 = Vector512.FusedMultiplyAdd(Vector512.Create(r3[i]), low, a3);
            }

            Store(output + at, width, a0, a1, a2, a3);
        }
    }

    /// <summary>The transpose of weighing values (<see cref="Multiply"/>): adds the four rows, each weighed, to every sum.</summary>
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
