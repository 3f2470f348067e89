using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Axpo.Training.Kernels;

namespace Axpo.Training.Generation;

/// <summary>One query over the pages of one kv head: the order of every sum. Each part may begin after pages that are done already.</summary>
internal static unsafe class RowAttention
{
    private const int Page = KvLayout.PageTokens;
    private const int Ahead = 2;

    /// <summary>Scaled scores of a row's tokens.</summary>
    /// <param name="row">The row.</param>
    /// <param name="from">First page.</param>
    /// <param name="offset">Of the keys in a page.</param>
    /// <param name="width">headDim.</param>
    /// <param name="q">[headDim].</param>
    /// <param name="scores">[pages, 16]; those of pages before <paramref name="from"/> stay; beyond the last token: minus infinity.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Scores(AttentionRow row, int from, int offset, int width, float* q, float* scores)
    {
        var (pages, length) = row;
        var count = KvLayout.Pages(length);
        var scale = PageAttention.Scale(width);
        for (var page = from; page < count; page++)
        {
            float* keys = pages[page].Data + offset, next = pages[Math.Min(page + Ahead, count - 1)].Data + offset;
            PageAttention.Scores(keys, next, width, q, scale, length - (page * Page)).Store(scores + (page * Page));
        }
    }

    /// <summary>Turns scores into exp(score - max).</summary>
    /// <param name="scores">[pages, 16].</param>
    /// <param name="pages">Pages.</param>
    /// <returns>Their sum.</returns>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static float Softmax(float* scores, int pages)
    {
        var most = Vector512.Create(float.NegativeInfinity);
        for (var page = 0; page < pages; page++)
        {
            most = Vector512.Max(most, Vector512.Load(scores + (page * Page)));
        }

        var shift = Vector512.Create(LaneMath.Largest(most));
        var sum = Vector512<float>.Zero;
        for (var page = 0; page < pages; page++)
        {
            var weight = LaneMath.Exp(Vector512.Load(scores + (page * Page)) - shift);
            weight.Store(scores + (page * Page));
            sum += weight;
        }

        return Vector512.Sum(sum);
    }

    /// <summary>The weighted sum of a row's values.</summary>
    /// <param name="row">The row.</param>
    /// <param name="from">First page.</param>
    /// <param name="offset">Of the values in a page.</param>
    /// <param name="width">headDim.</param>
    /// <param name="weights">[pages, 16].</param>
    /// <param name="sums">The sums of the pages before <paramref name="from"/>, as <see cref="TileAttention"/> leaves them.</param>
    /// <param name="inverse">Factor on the result.</param>
    /// <param name="output">[headDim].</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Mix(AttentionRow row, int from, int offset, int width, float* weights, float* sums, float inverse, float* output)
    {
        var (pages, length) = row;
        var d = 0;
        for (; d + 32 <= width; d += 32)
        {
            Mix32(row, from, offset + d, width, weights, sums + (4 * d), inverse, output + d);
        }

        for (; d + 16 <= width; d += 16)
        {
            var sum = from == 0 ? Vector512<float>.Zero : Vector512.Load(sums + (4 * d));
            for (var t = from * Page; t < length; t++)
            {
                var value = pages[t / Page].Data + offset + ((t % Page) * width) + d;
                sum = Vector512.FusedMultiplyAdd(Vector512.Create(weights[t]), Vector512.Load(value), sum);
            }

            (sum * Vector512.Create(inverse)).Store(output + d);
        }

        for (; d < width; d++)
        {
            var sum = 0f;
            for (var t = 0; t < length; t++)
            {
                sum = MathF.FusedMultiplyAdd(weights[t], pages[t / Page].Data[offset + ((t % Page) * width) + d], sum);
            }

            output[d] = sum * inverse;
        }
    }

    /// <summary>32 output dimensions.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Mix32(AttentionRow row, int from, int offset, int width, float* weights, float* sums, float inverse, float* output)
    {
        var (pages, length) = row;
        var (low, high) = (default(PageAttention.Chains), default(PageAttention.Chains));
        if (from > 0)
        {
            low.Load(sums);
            high.Load(sums + 16);
        }

        for (var start = from * Page; start < length; start += Page)
        {
            float* values = pages[start / Page].Data + offset, next = pages[Math.Min((start / Page) + Ahead, (length - 1) / Page)].Data + offset;
            PageAttention.Mix(values, next, width, Math.Min(Page, length - start), weights + start, ref low, ref high);
        }

        var scale = Vector512.Create(inverse);
        (low.Total() * scale).Store(output);
        (high.Total() * scale).Store(output + 16);
    }
}
