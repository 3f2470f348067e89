using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Axpo.Training.Kernels;

/// <summary>Passes over a tile of logits, sixteen at a time.</summary>
internal static unsafe class LogitLanes
{
    // Lanes are emptied into doubles so often, lest a long row's small weights vanish beside its sum.
    private const int Chunk = 8192;

    /// <summary>The largest; NaN may be overlooked.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static float Max(float* x, int count)
    {
        var i = 0;
        var best = float.NegativeInfinity;
        if (count >= 16)
        {
            var lanes = Vector512.Create(float.NegativeInfinity);
            for (; i + 16 <= count; i += 16)
            {
                lanes = Vector512.Max(lanes, Vector512.Load(x + i));
            }

            best = LaneMath.Largest(lanes);
        }

        for (; i < count; i++)
        {
            best = MathF.Max(best, x[i]);
        }

        return best;
    }

    /// <summary>Whether none is a NaN (minus infinity is a token that was forbidden).</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static bool AllNumbers(float* x, int count)
    {
        var i = 0;
        for (; i + 16 <= count; i += 16)
        {
            var lanes = Vector512.Load(x + i);
            if (!Vector512.EqualsAll(lanes, lanes))
            {
                return false;
            }
        }

        for (; i < count; i++)
        {
            if (float.IsNaN(x[i]))
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>Writes w = exp((x - max) / T), zero beyond the logits up to <paramref name="padded"/>; returns the sum of w and of w (x - max) / T.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static (double Total, double Weighted) Weigh(float* x, int count, float max, double temperature, float* w, int padded)
    {
        var inverse = (float)(1 / temperature);
        double sum = 0;
        double sumWeighted = 0;
        var i = 0;
        while (i + 16 <= count)
        {
            var total = Vector512<float>.Zero;
            var weighted = Vector512<float>.Zero;
            for (var end = Math.Min(count, i + Chunk); i + 16 <= end; i += 16)
            {
                // Below -87 a weight is nothing beside 1, and minus infinity times zero must not reach the sum.
                var z = Vector512.Max((Vector512.Load(x + i) - Vector512.Create(max)) * Vector512.Create(inverse), Vector512.Create(-87f));
                var e = LaneMath.Exp(z);
                e.Store(w + i);
                total += e;
                weighted += e * z;
            }

            sum += Vector512.Sum(total);
            sumWeighted += Vector512.Sum(weighted);
        }

        for (; i < count; i++)
        {
            var z = MathF.Max((x[i] - max) * inverse, -87f);
            w[i] = MathF.Exp(z);
            sum += w[i];
            sumWeighted += w[i] * z;
        }

        for (; i < padded; i++)
        {
            w[i] = 0;
        }

        return (sum, sumWeighted);
    }

    /// <summary>Sum of exp((x - max) / T) in double, for a cut that is exact.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static double Total(float* x, int count, float max, double temperature)
    {
        var (top, divisor, least) = (Vector512.Create((double)max), Vector512.Create(temperature), Vector512.Create(-700.0));
        var lanes = Vector512<double>.Zero;
        var i = 0;
        for (; i + 16 <= count; i += 16)
        {
            var (low, high) = Vector512.Widen(Vector512.Load(x + i));
            lanes += Vector512.Exp(Vector512.Max((low - top) / divisor, least)) + Vector512.Exp(Vector512.Max((high - top) / divisor, least));
        }

        var total = Vector512.Sum(lanes);
        for (; i < count; i++)
        {
            total += Math.Exp((x[i] - (double)max) / temperature);
        }

        return total;
    }
}
