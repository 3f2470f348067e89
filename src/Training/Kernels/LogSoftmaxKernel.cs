using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Axpo.Training.Kernels;

/// <summary>Log-probs of tokens under softmax(z / T), entropies, and the gradient of the logits z. A row's bits do not depend on its neighbours.</summary>
internal static unsafe class LogSoftmaxKernel
{
    private const int Lanes = 16;

    // Lanes are emptied into doubles so often, lest a long row's small weights vanish beside its sum.
    private const int Chunk = 8192;

    /// <summary>log of the sum of exp(z / T), and the entropy in nats.</summary>
    /// <param name="z">Logits [count].</param>
    /// <param name="count">Tokens of the vocabulary.</param>
    /// <param name="temperature">T.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static (float LogSum, float Entropy) Normaliser(float* z, int count, double temperature)
    {
        var inverse = Vector512.Create((float)(1 / temperature));
        var max = LogitLanes.Max(z, count);
        var shift = Vector512.Create(max);
        var (sum, weighted) = (0.0, 0.0);
        var i = 0;
        while (i + Lanes <= count)
        {
            var (sums, products) = (Vector512<float>.Zero, Vector512<float>.Zero);
            for (var end = Math.Min(count, i + Chunk); i + Lanes <= end; i += Lanes)
            {
                // Below -87 a weight is nothing beside 1.
                var s = AtLeast((Vector512.Load(z + i) - shift) * inverse);
                var e = LaneMath.Exp(s);
                sums += e;
                products = Vector512.FusedMultiplyAdd(e, s, products);
            }

            sum += Vector512.Sum(sums);
            weighted += Vector512.Sum(products);
        }

        if (i < count)
        {
            var s = AtLeast((Part(z + i, count - i, max) - shift) * inverse);
            var e = Vector512.ConditionalSelect(First(count - i), LaneMath.Exp(s), Vector512<float>.Zero);
            sum += Vector512.Sum(e);
            weighted += Vector512.Sum(e * s);
        }

        var log = Math.Log(sum);
        return ((float)((max / temperature) + log), (float)(log - (weighted / sum)));
    }

    /// <summary>Replaces logits by their gradient.</summary>
    /// <param name="z">Logits [count]; then their gradient.</param>
    /// <param name="count">Tokens of the vocabulary.</param>
    /// <param name="target">The token whose log-prob it is.</param>
    /// <param name="temperature">T.</param>
    /// <param name="logSum">As <see cref="Normaliser"/> gave it.</param>
    /// <param name="entropy">As <see cref="Normaliser"/> gave it.</param>
    /// <param name="gradient">Gradient of the log-prob.</param>
    /// <param name="entropyGradient">Gradient of the entropy.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Backward(float* z, int count, long target, double temperature, float logSum, float entropy, float gradient, float entropyGradient)
    {
        var inverse = (float)(1 / temperature);
        var (scales, shifts) = (Vector512.Create(inverse), Vector512.Create(-logSum));
        var constant = Vector512.Create(-inverse * (gradient + (entropyGradient * entropy)));
        var factor = Vector512.Create(-inverse * entropyGradient);
        var i = 0;
        for (; i + Lanes <= count; i += Lanes)
        {
            Of(Vector512.Load(z + i), scales, shifts, constant, factor).Store(z + i);
        }

        if (i < count)
        {
            var last = stackalloc float[Lanes];
            Of(Part(z + i, count - i, 0), scales, shifts, constant, factor).Store(last);
            new ReadOnlySpan<float>(last, count - i).CopyTo(new Span<float>(z + i, count - i));
        }

        z[target] += inverse * gradient;
    }

    /// <summary>-p (gradient + entropyGradient (log p + entropy)) / T.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Of(Vector512<float> z, Vector512<float> scales, Vector512<float> shifts, Vector512<float> constant, Vector512<float> factor)
    {
        var log = AtLeast(Vector512.FusedMultiplyAdd(z, scales, shifts));
        return LaneMath.Exp(log) * Vector512.FusedMultiplyAdd(log, factor, constant);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> AtLeast(Vector512<float> s)
    {
        var least = Vector512.Create(-87f);
        return Vector512.ConditionalSelect(Vector512.LessThan(s, least), least, s);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> First(int count) => Vector512.LessThan(Vector512<int>.Indices, Vector512.Create(count)).AsSingle();

    /// <summary>Fewer than sixteen, filled up.</summary>
    private static Vector512<float> Part(float* from, int count, float fill)
    {
        var part = stackalloc float[Lanes];
        new Span<float>(part, Lanes).Fill(fill);
        new ReadOnlySpan<float>(from, count).CopyTo(new Span<float>(part, count));
        return Vector512.Load(part);
    }
}
