using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Axpo.Training.Generation;

/// <summary>
/// One row's queries over its pages, one query a kv head, every head of a page before the next page: what is read of a page stands in a row, and is long enough for the processor to foresee. The sums are those of
/// <see cref="RowAttention"/>, each head's in the same order. Widths of heads are multiples of 32.
/// </summary>
internal static unsafe class HeadsAttention
{
    private const int Page = KvLayout.PageTokens;

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
        var scale = PageAttention.Scale(width);
        for (var page = 0; page < count; page++)
        {
            float* keys = pages[page].Data + offset, next = pages[Math.Min(page + 1, count - 1)].Data + offset;
            for (var head = 0; head < heads; head++, keys += Page * width, next += Page * width)
            {
                PageAttention.Scores(keys, next, width, q + (head * width), scale, length - (page * Page)).Store(scores + (((head * count) + page) * Page));
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
    /// <param name="sums">Memory for <see cref="PageAttention.Sums"/> of every head.</param>
    /// <param name="output">[heads, headDim].</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Mix(AttentionRow row, int offset, int heads, int width, float* weights, float* inverse, float* sums, float* output)
    {
        var (pages, length) = row;
        var count = KvLayout.Pages(length);
        new Span<float>(sums, heads * PageAttention.Sums(width)).Clear();
        for (var page = 0; page < count; page++)
        {
            float* values = pages[page].Data + offset, next = pages[Math.Min(page + 1, count - 1)].Data + offset;
            var tokens = Math.Min(Page, length - (page * Page));
            for (var head = 0; head < heads; head++, values += Page * width, next += Page * width)
            {
                for (var d = 0; d < width; d += 32)
                {
                    Mix32(values + d, next + d, width, tokens, weights + (((head * count) + page) * Page), sums + (head * PageAttention.Sums(width)) + (4 * d));
                }
            }
        }

        var (low, high) = (default(PageAttention.Chains), default(PageAttention.Chains));
        for (var head = 0; head < heads; head++, sums += PageAttention.Sums(width), output += width)
        {
            var scale = Vector512.Create(inverse[head]);
            for (var d = 0; d < width; d += 32)
            {
                low.Load(sums + (4 * d));
                high.Load(sums + (4 * d) + 16);
                (low.Total() * scale).Store(output + d);
                (high.Total() * scale).Store(output + d + 16);
            }
        }
    }

    // Apart from its caller, where registers would be short.
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static void Mix32(float* values, float* next, int width, int tokens, float* weights, float* sums)
    {
        var (low, high) = (default(PageAttention.Chains), default(PageAttention.Chains));
        low.Load(sums);
        high.Load(sums + 16);
        PageAttention.Mix(values, next, width, tokens, weights, ref low, ref high);
        low.Store(sums);
        high.Store(sums + 16);
    }
}
