using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Axpo.Training.Generation;

/// <summary>
/// <see cref="AttentionTiles.Queries"/> queries over pages that all of them attend to in full: what is loaded serves each. Every sum has the terms of <see cref="RowAttention"/> in its order.
/// Worth it only where there are 32 registers of 16 floats.
/// </summary>
internal static unsafe class TileAttention
{
    private const int Page = KvLayout.PageTokens;
    private const int Ahead = 2;

    /// <summary>Scaled scores of the tokens of some pages, two pages at a time.</summary>
    /// <param name="pages">The pages.</param>
    /// <param name="offset">Of the keys in a page.</param>
    /// <param name="width">headDim.</param>
    /// <param name="q">Four times [headDim].</param>
    /// <param name="scores">Four times [pages, 16].</param>
    /// <param name="stride">Floats from a query's scores to the next one's.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Scores(ReadOnlySpan<KvPage> pages, int offset, int width, float** q, float* scores, int stride)
    {
        var scale = PageAttention.Scale(width);
        float* q0 = q[0], q1 = q[1], q2 = q[2], q3 = q[3];
        for (var page = 0; page < pages.Length; page += 2)
        {
            // A last page without a partner is met twice.
            var partner = Math.Min(page + 1, pages.Length - 1);
            float* left = pages[page].Data + offset, right = pages[partner].Data + offset;
            float* nextLeft = pages[Math.Min(page + Ahead, pages.Length - 1)].Data + offset, nextRight = pages[Math.Min(page + Ahead + 1, pages.Length - 1)].Data + offset;

            // Of the four chains of dimensions two at a time: all have too many sums.
            var (leftA, leftB, rightA, rightB) = (default(Sums), default(Sums), default(Sums), default(Sums));
            var d = 0;
            for (; d + 4 <= width; d += 4)
            {
                PageAttention.Fetch(nextLeft + (d * Page));
                MultiplyAdd(ref leftA, ref rightA, left + (d * Page), right + (d * Page), q0 + d, q1 + d, q2 + d, q3 + d);
                MultiplyAdd(ref leftB, ref rightB, left + ((d + 1) * Page), right + ((d + 1) * Page), q0 + d + 1, q1 + d + 1, q2 + d + 1, q3 + d + 1);
            }

            for (; d < width; d++)
            {
                MultiplyAdd(ref leftA, ref rightA, left + (d * Page), right + (d * Page), q0 + d, q1 + d, q2 + d, q3 + d);
            }

            leftA.Add(leftB);
            rightA.Add(rightB);
            var (leftC, leftE, rightC, rightE) = (default(Sums), default(Sums), default(Sums), default(Sums));
            for (d = 2; d + 2 <= width; d += 4)
            {
                PageAttention.Fetch(nextRight + ((d - 2) * Page));
                MultiplyAdd(ref leftC, ref rightC, left + (d * Page), right + (d * Page), q0 + d, q1 + d, q2 + d, q3 + d);
                MultiplyAdd(ref leftE, ref rightE, left + ((d + 1) * Page), right + ((d + 1) * Page), q0 + d + 1, q1 + d + 1, q2 + d + 1, q3 + d + 1);
            }

            leftC.Add(leftE);
            rightC.Add(rightE);
            leftA.Add(leftC);
            rightA.Add(rightC);
            leftA.Scale(scale);
            rightA.Scale(scale);
            leftA.Store(scores + (page * Page), stride);
            rightA.Store(scores + (partner * Page), stride);
        }
    }

    /// <summary>Weighted sums of the values of some pages, not combined yet: <see cref="RowAttention.Mix"/> goes on with them.</summary>
    /// <param name="pages">The pages.</param>
    /// <param name="offset">Of the values in a page.</param>
    /// <param name="width">headDim.</param>
    /// <param name="weights">Four times [pages, 16].</param>
    /// <param name="stride">Floats from a query's weights to the next one's.</param>
    /// <param name="sums">Four times <see cref="PageAttention.Sums"/>.</param>
    public static void Mix(ReadOnlySpan<KvPage> pages, int offset, int width, float* weights, int stride, float* sums)
    {
        var d = 0;
        for (; d + 32 <= width; d += 32)
        {
            // Of the four chains of tokens two at a time, too.
            Mix32(pages, offset + d, width, weights, stride, sums + (4 * d));
            Mix32(pages, offset + d + (2 * width), width, weights + 2, stride, sums + (4 * d) + 64);
        }

        if (d + 16 <= width)
        {
            Mix16(pages, offset + d, width, weights, stride, sums + (4 * d));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Mix32(ReadOnlySpan<KvPage> pages, int offset, int width, float* weights, int stride, float* sums)
    {
        var (a0, a1, b0, b1) = (default(Sums), default(Sums), default(Sums), default(Sums));
        float* w0 = weights, w1 = w0 + stride, w2 = w1 + stride, w3 = w2 + stride;
        for (var page = 0; page < pages.Length; page++)
        {
            var value = pages[page].Data + offset;
            var next = pages[Math.Min(page + Ahead, pages.Length - 1)].Data + offset;
            for (var t = page * Page; t < (page + 1) * Page; t += 4)
            {
                PageAttention.FetchTwo(next, next + width);
                next += 4 * width;
                MultiplyAdd(ref a0, ref a1, value, value + 16, w0 + t, w1 + t, w2 + t, w3 + t);
                MultiplyAdd(ref b0, ref b1, value + width, value + width + 16, w0 + t + 1, w1 + t + 1, w2 + t + 1, w3 + t + 1);
                value += 4 * width;
            }
        }

        a0.Store(sums, PageAttention.Sums(width));
        a1.Store(sums + 16, PageAttention.Sums(width));
        b0.Store(sums + 32, PageAttention.Sums(width));
        b1.Store(sums + 48, PageAttention.Sums(width));
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Mix16(ReadOnlySpan<KvPage> pages, int offset, int width, float* weights, int stride, float* sums)
    {
        var sum = default(Sums);
        for (var page = 0; page < pages.Length; page++)
        {
            var value = pages[page].Data + offset;
            for (var t = page * Page; t < (page + 1) * Page; t++)
            {
                var here = Vector512.Load(value);
                sum.First = Vector512.FusedMultiplyAdd(Vector512.Create(weights[t]), here, sum.First);
                sum.Second = Vector512.FusedMultiplyAdd(Vector512.Create(weights[t + stride]), here, sum.Second);
                sum.Third = Vector512.FusedMultiplyAdd(Vector512.Create(weights[t + (2 * stride)]), here, sum.Third);
                sum.Fourth = Vector512.FusedMultiplyAdd(Vector512.Create(weights[t + (3 * stride)]), here, sum.Fourth);
                value += width;
            }
        }

        sum.Store(sums, PageAttention.Sums(width));
    }

    /// <summary>Two times sixteen values, each with one factor of every query. Factors are read where they are used: from memory a broadcast costs no multiplier.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void MultiplyAdd(ref Sums one, ref Sums other, float* ofOne, float* ofOther, float* first, float* second, float* third, float* fourth)
    {
        var (a, b) = (Vector512.Load(ofOne), Vector512.Load(ofOther));
        var factor = Vector512.Create(*first);
        one.First = Vector512.FusedMultiplyAdd(factor, a, one.First);
        other.First = Vector512.FusedMultiplyAdd(factor, b, other.First);
        factor = Vector512.Create(*second);
        one.Second = Vector512.FusedMultiplyAdd(factor, a, one.Second);
        other.Second = Vector512.FusedMultiplyAdd(factor, b, other.Second);
        factor = Vector512.Create(*third);
        one.Third = Vector512.FusedMultiplyAdd(factor, a, one.Third);
        other.Third = Vector512.FusedMultiplyAdd(factor, b, other.Third);
        factor = Vector512.Create(*fourth);
        one.Fourth = Vector512.FusedMultiplyAdd(factor, a, one.Fourth);
        other.Fourth = Vector512.FusedMultiplyAdd(factor, b, other.Fourth);
    }

    /// <summary>Sixteen sums of each query: a register each.</summary>
    private struct Sums
    {
        public Vector512<float> First;
        public Vector512<float> Second;
        public Vector512<float> Third;
        public Vector512<float> Fourth;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Add(in Sums other)
        {
            First += other.First;
            Second += other.Second;
            Third += other.Third;
            Fourth += other.Fourth;
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Scale(Vector512<float> factor)
        {
            First *= factor;
            Second *= factor;
            Third *= factor;
            Fourth *= factor;
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public readonly void Store(float* to, int stride)
        {
            First.Store(to);
            Second.Store(to + stride);
            Third.Store(to + (2 * stride));
            Fourth.Store(to + (3 * stride));
        }
    }
}
