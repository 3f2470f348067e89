using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Axpo.Training.Generation;

/// <summary>
/// One row's queries over its pages, every kv head of a page before the next page: what is read of a page stands in a row, and is more than the processor's streams need to begin. The sums are those of
/// <see cref="RowAttention"/>, each head's in the same order. Widths of heads are multiples of 32.
/// </summary>
internal static unsafe class HeadsAttention
{
    private const int Page = KvLayout.PageTokens;
    private const int Lanes = 16;

    /// <summary>Scaled scores of a row's tokens.</summary>
    /// <param name="row">The row.</param>
    /// <param name="offset">Of the first head's keys in a page; the others' follow.</param>
    /// <param name="heads">Heads.</param>
    /// <param name="width">headDim.</param>
    /// <param name="q">[heads, headDim].</param>
    /// <param name="scores">[heads, pages, 16]; beyond the last token: minus infinity.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Scores(AttentionRow row, int offset, int heads, int width, float* q, float* scores)
    {
        var (pages, length) = row;
        var count = KvLayout.Pages(length);
        var scale = RowAttention.Scale(width);
        for (var page = 0; page < count; page++)
        {
            var keys = pages[page].Data + offset;
            var next = pages[Math.Min(page + 1, count - 1)].Data + offset;
            var left = length - (page * Page);
            var query = q;
            for (var head = 0; head < heads; head++, query += width)
            {
                var (a, b, c, e) = (Vector512<float>.Zero, Vector512<float>.Zero, Vector512<float>.Zero, Vector512<float>.Zero);
                for (var d = 0; d < width; d += 4)
                {
                    RowAttention.Fetch(next);
                    next += 4 * Page;
                    a = Vector512.FusedMultiplyAdd(Vector512.Create(query[d]), Vector512.Load(keys), a);
                    b = Vector512.FusedMultiplyAdd(Vector512.Create(query[d + 1]), Vector512.Load(keys + Page), b);
                    c = Vector512.FusedMultiplyAdd(Vector512.Create(query[d + 2]), Vector512.Load(keys + (2 * Page)), c);
                    e = Vector512.FusedMultiplyAdd(Vector512.Create(query[d + 3]), Vector512.Load(keys + (3 * Page)), e);
                    keys += 4 * Page;
                }

                var score = ((a + b) + (c + e)) * scale;
                if (left < Page)
                {
                    // Slots beyond the context hold whatever was there before.
                    score = Vector512.ConditionalSelect(Vector512.LessThan(Vector512<int>.Indices, Vector512.Create(left)).AsSingle(), score, Vector512.Create(float.NegativeInfinity));
                }

                score.Store(scores + (((head * count) + page) * Page));
            }
        }
    }

    /// <summary>The weighted sums of a row's values.</summary>
    /// <param name="row">The row.</param>
    /// <param name="offset">Of the first head's values in a page; the others' follow.</param>
    /// <param name="heads">Heads.</param>
    /// <param name="width">headDim.</param>
    /// <param name="weights">[heads, pages, 16].</param>
    /// <param name="inverse">Factor on each head's result [heads].</param>
    /// <param name="sums">Memory for <see cref="RowAttention.Sums"/> of every head.</param>
    /// <param name="output">[heads, headDim].</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Mix(AttentionRow row, int offset, int heads, int width, float* weights, float* inverse, float* sums, float* output)
    {
        var (pages, length) = row;
        var count = KvLayout.Pages(length);
        new Span<float>(sums, heads * RowAttention.Sums(width)).Clear();
        for (var page = 0; page < count; page++)
        {
            var values = pages[page].Data + offset;
            var next = pages[Math.Min(page + 1, count - 1)].Data + offset;
            var tokens = Math.Min(Page, length - (page * Page));
            for (var head = 0; head < heads; head++, values += Page * width, next += Page * width)
            {
                var weight = weights + (((head * count) + page) * Page);
                for (var d = 0; d < width; d += 32)
                {
                    Mix32(values + d, next + d, width, tokens, weight, sums + (head * RowAttention.Sums(width)) + (4 * d));
                }
            }
        }

        for (var head = 0; head < heads; head++, sums += RowAttention.Sums(width), output += width)
        {
            var scale = Vector512.Create(inverse[head]);
            for (var d = 0; d < width; d += 32)
            {
                var from = sums + (4 * d);
                for (var half = 0; half < 32; half += Lanes)
                {
                    (((Vector512.Load(from + half) + Vector512.Load(from + 32 + half)) + (Vector512.Load(from + 64 + half) + Vector512.Load(from + 96 + half))) * scale).Store(output + d + half);
                }
            }
        }
    }

    /// <summary>Adds a page's weighted values, 32 dimensions, to the four chains of sums.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Mix32(float* value, float* next, int width, int tokens, float* weight, float* sums)
    {
        var (a0, a1, b0, b1) = (Vector512.Load(sums), Vector512.Load(sums + 16), Vector512.Load(sums + 32), Vector512.Load(sums + 48));
        var (c0, c1, e0, e1) = (Vector512.Load(sums + 64), Vector512.Load(sums + 80), Vector512.Load(sums + 96), Vector512.Load(sums + 112));
        var t = 0;
        for (; t + 4 <= tokens; t += 4)
        {
            RowAttention.FetchTwo(next, next + width);
            RowAttention.FetchTwo(next + (2 * width), next + (3 * width));
            next += 4 * width;
            var w0 = Vector512.Create(weight[t]);
            var w1 = Vector512.Create(weight[t + 1]);
            var w2 = Vector512.Create(weight[t + 2]);
            var w3 = Vector512.Create(weight[t + 3]);
            a0 = Vector512.FusedMultiplyAdd(w0, Vector512.Load(value), a0);
            a1 = Vector512.FusedMultiplyAdd(w0, Vector512.Load(value + 16), a1);
            b0 = Vector512.FusedMultiplyAdd(w1, Vector512.Load(value + width), b0);
            b1 = Vector512.FusedMultiplyAdd(w1, Vector512.Load(value + width + 16), b1);
            c0 = Vector512.FusedMultiplyAdd(w2, Vector512.Load(value + (2 * width)), c0);
            c1 = Vector512.FusedMultiplyAdd(w2, Vector512.Load(value + (2 * width) + 16), c1);
            e0 = Vector512.FusedMultiplyAdd(w3, Vector512.Load(value + (3 * width)), e0);
            e1 = Vector512.FusedMultiplyAdd(w3, Vector512.Load(value + (3 * width) + 16), e1);
            value += 4 * width;
        }

        for (; t < tokens; t++)
        {
            var w0 = Vector512.Create(weight[t]);
            a0 = Vector512.FusedMultiplyAdd(w0, Vector512.Load(value), a0);
            a1 = Vector512.FusedMultiplyAdd(w0, Vector512.Load(value + 16), a1);
            value += width;
        }

        a0.Store(sums);
        a1.Store(sums + 16);
        b0.Store(sums + 32);
        b1.Store(sums + 48);
        c0.Store(sums + 64);
        c1.Store(sums + 80);
        e0.Store(sums + 96);
        e1.Store(sums + 112);
    }
}
