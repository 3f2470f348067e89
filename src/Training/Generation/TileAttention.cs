using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Axpo.Training.Generation;

/// <summary>
/// <see cref="AttentionTiles.Queries"/> queries over pages that all of them attend to in full: what is loaded serves each. Every sum has the terms of <see cref="RowAttention"/> in its order.
/// Only worth it where there are 32 registers of 16 floats.
/// </summary>
internal static unsafe class TileAttention
{
    private const int Page = KvLayout.PageTokens;
    private const int Ahead = 2;

    /// <summary>Scaled scores of the tokens of some pages.</summary>
    /// <param name="pages">The pages.</param>
    /// <param name="offset">Of the keys in a page.</param>
    /// <param name="width">headDim.</param>
    /// <param name="q">Four times [headDim].</param>
    /// <param name="scores">Four times [pages, 16].</param>
    /// <param name="stride">Floats from a query's scores to the next one's.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Scores(ReadOnlySpan<KvPage> pages, int offset, int width, float** q, float* scores, int stride)
    {
        var scale = RowAttention.Scale(width);
        float* q0 = q[0], q1 = q[1], q2 = q[2], q3 = q[3];
        for (var page = 0; page < pages.Length; page++)
        {
            var keys = pages[page].Data + offset;
            var next = pages[Math.Min(page + Ahead, pages.Length - 1)].Data + offset;
            var (a, b, c, e) = (default(Lanes), default(Lanes), default(Lanes), default(Lanes));
            var d = 0;
            for (; d + 4 <= width; d += 4)
            {
                RowAttention.Fetch(next + (d * Page));
                a.Add(Vector512.Load(keys + (d * Page)), q0[d], q1[d], q2[d], q3[d]);
                b.Add(Vector512.Load(keys + ((d + 1) * Page)), q0[d + 1], q1[d + 1], q2[d + 1], q3[d + 1]);
                c.Add(Vector512.Load(keys + ((d + 2) * Page)), q0[d + 2], q1[d + 2], q2[d + 2], q3[d + 2]);
                e.Add(Vector512.Load(keys + ((d + 3) * Page)), q0[d + 3], q1[d + 3], q2[d + 3], q3[d + 3]);
            }

            for (; d < width; d++)
            {
                a.Add(Vector512.Load(keys + (d * Page)), q0[d], q1[d], q2[d], q3[d]);
            }

            var to = scores + (page * Page);
            (((a.First + b.First) + (c.First + e.First)) * scale).Store(to);
            (((a.Second + b.Second) + (c.Second + e.Second)) * scale).Store(to + stride);
            (((a.Third + b.Third) + (c.Third + e.Third)) * scale).Store(to + (2 * stride));
            (((a.Fourth + b.Fourth) + (c.Fourth + e.Fourth)) * scale).Store(to + (3 * stride));
        }
    }

    /// <summary>Weighted sums of the values of some pages, not combined yet: <see cref="RowAttention.Mix"/> goes on with them.</summary>
    /// <param name="pages">The pages.</param>
    /// <param name="offset">Of the values in a page.</param>
    /// <param name="width">headDim.</param>
    /// <param name="weights">Four times [pages, 16].</param>
    /// <param name="stride">Floats from a query's weights to the next one's.</param>
    /// <param name="sums">Four times <see cref="RowAttention.Sums"/>.</param>
    public static void Mix(ReadOnlySpan<KvPage> pages, int offset, int width, float* weights, int stride, float* sums)
    {
        var d = 0;
        for (; d + 32 <= width; d += 32)
        {
            // Chains of tokens two at a time: all four have too many sums.
            Mix32(pages, offset + d, width, weights, stride, sums + (4 * d), RowAttention.Sums(width));
            Mix32(pages, offset + d + (2 * width), width, weights + 2, stride, sums + (4 * d) + 64, RowAttention.Sums(width));
        }

        if (d + 16 <= width)
        {
            Mix16(pages, offset + d, width, weights, stride, sums + (4 * d), RowAttention.Sums(width));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Mix32(ReadOnlySpan<KvPage> pages, int offset, int width, float* weights, int stride, float* sums, int sumStride)
    {
        var (a0, a1, b0, b1) = (default(Lanes), default(Lanes), default(Lanes), default(Lanes));
        float* w0 = weights, w1 = weights + stride, w2 = w1 + stride, w3 = w2 + stride;
        for (var page = 0; page < pages.Length; page++)
        {
            var value = pages[page].Data + offset;
            var next = pages[Math.Min(page + Ahead, pages.Length - 1)].Data + offset;
            for (var t = page * Page; t < (page + 1) * Page; t += 4)
            {
                RowAttention.FetchTwo(next, next + width);
                next += 4 * width;
                var lower = Vector512.Load(value);
                var upper = Vector512.Load(value + 16);
                a0.Add(lower, w0[t], w1[t], w2[t], w3[t]);
                a1.Add(upper, w0[t], w1[t], w2[t], w3[t]);
                lower = Vector512.Load(value + width);
                upper = Vector512.Load(value + width + 16);
                b0.Add(lower, w0[t + 1], w1[t + 1], w2[t + 1], w3[t + 1]);
                b1.Add(upper, w0[t + 1], w1[t + 1], w2[t + 1], w3[t + 1]);
                value += 4 * width;
            }
        }

        a0.Store(sums, sumStride);
        a1.Store(sums + 16, sumStride);
        b0.Store(sums + 32, sumStride);
        b1.Store(sums + 48, sumStride);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Mix16(ReadOnlySpan<KvPage> pages, int offset, int width, float* weights, int stride, float* sums, int sumStride)
    {
        var sum = default(Lanes);
        for (var page = 0; page < pages.Length; page++)
        {
            var value = pages[page].Data + offset;
            for (var t = page * Page; t < (page + 1) * Page; t++)
            {
                sum.Add(Vector512.Load(value), weights[t], weights[t + stride], weights[t + (2 * stride)], weights[t + (3 * stride)]);
                value += width;
            }
        }

        sum.Store(sums, sumStride);
    }

    /// <summary>A register for each query.</summary>
    private struct Lanes
    {
        public Vector512<float> First;
        public Vector512<float> Second;
        public Vector512<float> Third;
        public Vector512<float> Fourth;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Add(Vector512<float> value, float first, float second, float third, float fourth)
        {
            First = Vector512.FusedMultiplyAdd(Vector512.Create(first), value, First);
            Second = Vector512.FusedMultiplyAdd(Vector512.Create(second), value, Second);
            Third = Vector512.FusedMultiplyAdd(Vector512.Create(third), value, Third);
            Fourth = Vector512.FusedMultiplyAdd(Vector512.Create(fourth), value, Fourth);
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
