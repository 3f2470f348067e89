using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Axpo.Training.Generation;

/// <summary>One query over one page: which terms are summed in which order, for <see cref="RowAttention"/> and <see cref="HeadsAttention"/>, which differ in the order of pages alone; and what <see cref="TileAttention"/> shares with them.</summary>
internal static unsafe class PageAttention
{
    private const int Page = KvLayout.PageTokens;

    /// <summary>Floats that the sums of a query take between pages: eight registers for 32 dimensions.</summary>
    public static int Sums(int width) => 4 * width;

    /// <summary>1 / sqrt(headDim).</summary>
    public static Vector512<float> Scale(int width) => Vector512.Create(1f / MathF.Sqrt(width));

    /// <summary>Pages lie apart, which the processor does not foresee: asks for four vectors of a later page while this one is computed.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Fetch(float* address)
    {
        if (Sse.IsSupported)
        {
            Sse.Prefetch0(address);
            Sse.Prefetch0(address + 16);
            Sse.Prefetch0(address + 32);
            Sse.Prefetch0(address + 48);
        }
    }

    /// <summary>Asks for two rows of two vectors of a later page.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void FetchTwo(float* first, float* second)
    {
        if (Sse.IsSupported)
        {
            Sse.Prefetch0(first);
            Sse.Prefetch0(first + 16);
            Sse.Prefetch0(second);
            Sse.Prefetch0(second + 16);
        }
    }

    /// <summary>Scaled scores of a page's tokens; beyond the last token minus infinity.</summary>
    /// <param name="keys">[headDim, 16].</param>
    /// <param name="next">As many keys that are read later: asked for meanwhile.</param>
    /// <param name="width">headDim.</param>
    /// <param name="q">[headDim].</param>
    /// <param name="scale">1 / sqrt(headDim).</param>
    /// <param name="tokens">Tokens from this page on.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Scores(float* keys, float* next, int width, float* q, Vector512<float> scale, int tokens)
    {
        var (a, b, c, e) = (Vector512<float>.Zero, Vector512<float>.Zero, Vector512<float>.Zero, Vector512<float>.Zero);
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

        var scores = ((a + b) + (c + e)) * scale;

        // Slots beyond the context hold whatever was there before.
        return tokens >= Page
            ? scores
            : Vector512.ConditionalSelect(Vector512.LessThan(Vector512<int>.Indices, Vector512.Create(tokens)).AsSingle(), scores, Vector512.Create(float.NegativeInfinity));
    }

    /// <summary>Adds a page's weighted values, 32 dimensions, to two times four chains of sums: enough to keep the multipliers busy.</summary>
    /// <param name="value">[tokens, headDim], from the first of the dimensions on.</param>
    /// <param name="next">As many values that are read later: asked for meanwhile.</param>
    /// <param name="width">headDim.</param>
    /// <param name="tokens">Tokens, 16 at most.</param>
    /// <param name="weights">[tokens].</param>
    /// <param name="low">Sums of the first 16 dimensions.</param>
    /// <param name="high">Sums of the others.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Mix(float* value, float* next, int width, int tokens, float* weights, ref Chains low, ref Chains high)
    {
        var t = 0;
        for (; t + 4 <= tokens; t += 4)
        {
            FetchTwo(next, next + width);
            FetchTwo(next + (2 * width), next + (3 * width));
            next += 4 * width;
            var w = Vector512.Create(weights[t]);
            low.First = Vector512.FusedMultiplyAdd(w, Vector512.Load(value), low.First);
            high.First = Vector512.FusedMultiplyAdd(w, Vector512.Load(value + 16), high.First);
            w = Vector512.Create(weights[t + 1]);
            low.Second = Vector512.FusedMultiplyAdd(w, Vector512.Load(value + width), low.Second);
            high.Second = Vector512.FusedMultiplyAdd(w, Vector512.Load(value + width + 16), high.Second);
            w = Vector512.Create(weights[t + 2]);
            low.Third = Vector512.FusedMultiplyAdd(w, Vector512.Load(value + (2 * width)), low.Third);
            high.Third = Vector512.FusedMultiplyAdd(w, Vector512.Load(value + (2 * width) + 16), high.Third);
            w = Vector512.Create(weights[t + 3]);
            low.Fourth = Vector512.FusedMultiplyAdd(w, Vector512.Load(value + (3 * width)), low.Fourth);
            high.Fourth = Vector512.FusedMultiplyAdd(w, Vector512.Load(value + (3 * width) + 16), high.Fourth);
            value += 4 * width;
        }

        for (; t < tokens; t++)
        {
            var w = Vector512.Create(weights[t]);
            low.First = Vector512.FusedMultiplyAdd(w, Vector512.Load(value), low.First);
            high.First = Vector512.FusedMultiplyAdd(w, Vector512.Load(value + 16), high.First);
            value += width;
        }
    }

    /// <summary>Sums of sixteen dimensions, each over every fourth token.</summary>
    public struct Chains
    {
        public Vector512<float> First;
        public Vector512<float> Second;
        public Vector512<float> Third;
        public Vector512<float> Fourth;

        /// <summary>Reads them from where chains of 32 dimensions stand (<see cref="Sums"/>).</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Load(float* from)
        {
            First = Vector512.Load(from);
            Second = Vector512.Load(from + 32);
            Third = Vector512.Load(from + 64);
            Fourth = Vector512.Load(from + 96);
        }

        /// <summary>Writes them there.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public readonly void Store(float* to)
        {
            First.Store(to);
            Second.Store(to + 32);
            Third.Store(to + 64);
            Fourth.Store(to + 96);
        }

        /// <summary>The sums over all tokens.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public readonly Vector512<float> Total() => (First + Second) + (Third + Fourth);
    }
}
