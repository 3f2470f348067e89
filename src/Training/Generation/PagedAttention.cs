using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using Axpo.Training.Kernels;

namespace Axpo.Training.Generation;

/// <summary>
/// Attention of single tokens over paged keys and values, on the CPU. Every row is computed alone, its context in one fixed order: the result is the
/// same bits whoever else is in the batch, whether the token was decoded or prefilled, and wherever the prefix is stored. One a worker.
/// </summary>
internal sealed unsafe class PagedAttention(KvLayout layout)
{
    private const int Page = KvLayout.PageTokens;
    private const int Ahead = 2;

    private readonly float _scale = 1f / MathF.Sqrt(layout.HeadDim);
    private float[] _scores = GC.AllocateUninitializedArray<float>(1024, pinned: true);

    /// <summary>Stores one token's keys and values in its page.</summary>
    /// <param name="data">The page.</param>
    /// <param name="slot">Place in the page.</param>
    /// <param name="layer">Layer.</param>
    /// <param name="k">[kvHeads, headDim].</param>
    /// <param name="v">[kvHeads, headDim].</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Write(float* data, int slot, int layer, float* k, float* v)
    {
        var width = layout.HeadDim;
        for (var head = 0; head < layout.KvHeads; head++)
        {
            var keys = data + layout.Keys(layer, head) + slot;
            var from = k + (head * width);
            for (var d = 0; d < width; d++)
            {
                keys[d * Page] = from[d];
            }

            new ReadOnlySpan<float>(v + (head * width), width).CopyTo(new Span<float>(data + layout.Values(layer, head) + (slot * width), width));
        }
    }

    /// <summary>softmax(q k^T / sqrt(headDim)) v over the first tokens of a session.</summary>
    /// <param name="pages">Pages of the session.</param>
    /// <param name="length">Tokens attended to: position + 1.</param>
    /// <param name="layer">Layer.</param>
    /// <param name="q">[heads, headDim].</param>
    /// <param name="output">[heads, headDim].</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Attend(List<KvPage> pages, int length, int layer, float* q, float* output)
    {
        var count = KvLayout.Pages(length);
        if (_scores.Length < count * Page)
        {
            _scores = GC.AllocateUninitializedArray<float>(2 * count * Page, pinned: true);
        }

        var group = layout.Heads / layout.KvHeads;
        fixed (float* scores = _scores)
        {
            for (var head = 0; head < layout.Heads; head++)
            {
                var kvHead = head / group;
                var sum = Weights(pages, count, length, layout.Keys(layer, kvHead), q + (head * layout.HeadDim), scores);
                Mix(pages, length, layout.Values(layer, kvHead), scores, 1f / sum, output + (head * layout.HeadDim));
            }
        }
    }

    /// <summary>Pages lie apart, which the processor does not foresee: asks for four vectors of a later page while this one is computed.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Fetch(float* address)
    {
        if (Sse.IsSupported)
        {
            Sse.Prefetch0(address);
            Sse.Prefetch0(address + 16);
            Sse.Prefetch0(address + 32);
            Sse.Prefetch0(address + 48);
        }
    }

    /// <summary>Writes exp(score - max) and returns their sum.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private float Weights(List<KvPage> pages, int count, int length, int offset, float* q, float* scores)
    {
        var width = layout.HeadDim;
        var scale = Vector512.Create(_scale);
        var most = Vector512.Create(float.NegativeInfinity);
        for (var page = 0; page < count; page++)
        {
            var keys = pages[page].Data + offset;
            var next = pages[Math.Min(page + Ahead, count - 1)].Data + offset;
            var a = Vector512<float>.Zero;
            var b = Vector512<float>.Zero;
            var c = Vector512<float>.Zero;
            var e = Vector512<float>.Zero;
            var d = 0;
            for (; d + 4 <= width; d += 4)
            {
                Fetch(next + (d * Page));
                a = Vector512.FusedMultiplyAdd(Vector512.Create(q[d]), Vector512.Load(keys + (d * Page)), a);
                b = Vector512.FusedMultiplyAdd(Vector512.Create(q[d + 1]), Vector512.Load(keys + ((d + 1) * Page)), b);
                c = Vector512.FusedMultiplyAdd(Vector512.Create(q[d + 2]), Vector512.Load(keys + ((d + 2) * Page)), c);
                e = Vector512.FusedMultiplyAdd(Vector512.Create(q[d + 3]), Vector512.Load(keys + ((d + 3) * Page)), e);
            }

            for (; d < width; d++)
            {
                a = Vector512.FusedMultiplyAdd(Vector512.Create(q[d]), Vector512.Load(keys + (d * Page)), a);
            }

            var score = ((a + b) + (c + e)) * scale;
            var left = length - (page * Page);
            if (left < Page)
            {
                // Slots beyond the context hold whatever was there before.
                score = Vector512.ConditionalSelect(Vector512.LessThan(Vector512<int>.Indices, Vector512.Create(left)).AsSingle(), score, Vector512.Create(float.NegativeInfinity));
            }

            score.Store(scores + (page * Page));
            most = Vector512.Max(most, score);
        }

        var shift = Vector512.Create(LaneMath.Largest(most));
        var sum = Vector512<float>.Zero;
        for (var page = 0; page < count; page++)
        {
            var weight = LaneMath.Exp(Vector512.Load(scores + (page * Page)) - shift);
            weight.Store(scores + (page * Page));
            sum += weight;
        }

        return Vector512.Sum(sum);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Mix(List<KvPage> pages, int length, int offset, float* weights, float inverse, float* output)
    {
        var width = layout.HeadDim;
        var d = 0;
        for (; d + 32 <= width; d += 32)
        {
            Mix32(pages, length, offset + d, width, weights, inverse, output + d);
        }

        for (; d + 16 <= width; d += 16)
        {
            var sum = Vector512<float>.Zero;
            for (var t = 0; t < length; t++)
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

    /// <summary>32 output dimensions; four chains of tokens keep the multipliers busy.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Mix32(List<KvPage> pages, int length, int offset, int width, float* weights, float inverse, float* output)
    {
        var (a0, a1, b0, b1) = (Vector512<float>.Zero, Vector512<float>.Zero, Vector512<float>.Zero, Vector512<float>.Zero);
        var (c0, c1, e0, e1) = (Vector512<float>.Zero, Vector512<float>.Zero, Vector512<float>.Zero, Vector512<float>.Zero);
        for (var start = 0; start < length; start += Page)
        {
            var value = pages[start / Page].Data + offset;
            var next = pages[Math.Min((start / Page) + Ahead, (length - 1) / Page)].Data + offset;
            var weight = weights + start;
            var tokens = Math.Min(Page, length - start);
            var t = 0;
            for (; t + 4 <= tokens; t += 4)
            {
                Fetch(next);
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
        }

        var scale = Vector512.Create(inverse);
        (((a0 + b0) + (c0 + e0)) * scale).Store(output);
        (((a1 + b1) + (c1 + e1)) * scale).Store(output + 16);
    }
}
