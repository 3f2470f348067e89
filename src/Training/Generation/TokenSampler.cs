using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Axpo.Core;

namespace Axpo.Training.Generation;

/// <summary>
/// Keyed Gumbel-max over a row of logits. The token is always the one that <see cref="Scalar"/> chooses: the argmax over the kept support of
/// <c>logit / T + Gumbel(position, token)</c> in double, ties to the lower id. The vectorised path only narrows the candidates, with bounds that hold
/// in exact arithmetic: the maximum is the minimum of the exponential race <c>E / w</c>, <c>E = -ln(1 - u)</c>, <c>w = exp((logit - max) / T)</c>, and
/// <c>u &lt;= E</c>, so that <c>u / w</c> bounds a token's time from below without any logarithm; tokens with w below 1e-12 cannot win at all, for
/// u is at least 2^-33 and the likeliest token's time at most ln 2^33. Not thread-safe: one a worker.
/// </summary>
public sealed unsafe class TokenSampler
{
    // Float rounding of w (4e-6) and u (1e-7) against this slack: a candidate is never lost.
    private const double Slack = 1 + 1e-4;
    private const float Negligible = 1e-12f;

    private readonly int _vocabulary;
    private readonly float[] _weights;
    private readonly float[] _uniforms;
    private readonly List<int> _kept = [];
    private readonly List<double> _keptWeights = [];

    /// <param name="vocabulary">Size of the vocabulary.</param>
    public TokenSampler(int vocabulary)
    {
        _vocabulary = vocabulary;
        var padded = (vocabulary + PhiloxLanes.Tokens - 1) / PhiloxLanes.Tokens * PhiloxLanes.Tokens;
        _weights = GC.AllocateArray<float>(padded, pinned: true);
        _uniforms = GC.AllocateArray<float>(padded, pinned: true);
    }

    /// <summary>Draws a token.</summary>
    /// <param name="logits">[vocabulary].</param>
    /// <param name="options">Temperature and cuts.</param>
    /// <param name="chance">Key of the sequence.</param>
    /// <param name="position">Absolute position of the token that is drawn.</param>
    /// <exception cref="ArithmeticException">The logits are not finite.</exception>
    public SampledToken Sample(ReadOnlySpan<float> logits, SamplingOptions options, ChanceKey chance, int position)
    {
        if (logits.Length != _vocabulary)
        {
            throw new ArgumentException($"{logits.Length} logits, the vocabulary has {_vocabulary}", nameof(logits));
        }

        if (options.Temperature > 0 && options.TopP >= 1 && (options.TopK <= 0 || options.TopK >= _vocabulary))
        {
            return Whole(logits, options.Temperature, chance, (uint)position);
        }

        return Cut(logits, options, chance, (uint)position);
    }

    /// <summary>The definition, slow and plain: what <see cref="Sample"/> must choose.</summary>
    public static SampledToken Scalar(ReadOnlySpan<float> logits, SamplingOptions options, ChanceKey chance, int position)
    {
        var values = logits.ToArray();
        var order = Enumerable.Range(0, values.Length).OrderByDescending(i => values[i]).ThenBy(i => i).ToList();
        if (options.Temperature <= 0)
        {
            return new(order[0], 0, 0);
        }

        if (options.TopK > 0)
        {
            order = order.Take(options.TopK).ToList();
        }

        var top = (double)values[order[0]];
        var weights = order.Select(i => Math.Exp((values[i] - top) / options.Temperature)).ToList();
        if (options.TopP < 1)
        {
            var keep = Nucleus(weights, options.TopP);
            order = order.Take(keep).ToList();
            weights = weights.Take(keep).ToList();
        }

        var total = weights.Sum();
        var best = order.OrderByDescending(i => (values[i] / options.Temperature) + chance.Gumbel((uint)position, (uint)i)).ThenBy(i => i).First();
        var entropy = -weights.Select(w => w / total).Where(p => p > 0).Sum(p => p * Math.Log(p));
        return new(best, (float)(((values[best] - top) / options.Temperature) - Math.Log(total)), (float)entropy);
    }

    /// <summary>Number of the likeliest tokens whose probability first reaches <paramref name="topP"/>; at least one.</summary>
    private static int Nucleus(List<double> descendingWeights, double topP)
    {
        double total = 0;
        foreach (var weight in descendingWeights)
        {
            total += weight;
        }

        double reached = 0;
        for (var i = 0; i < descendingWeights.Count; i++)
        {
            reached += descendingWeights[i];
            if (reached >= topP * total)
            {
                return i + 1;
            }
        }

        return descendingWeights.Count;
    }

    private SampledToken Whole(ReadOnlySpan<float> logits, double temperature, ChanceKey chance, uint position)
    {
        fixed (float* x = logits)
        fixed (float* w = _weights)
        fixed (float* u = _uniforms)
        {
            var max = Max(x);
            var (total, weighted) = Weigh(x, max, temperature, w);
            if (!float.IsFinite(max) || !double.IsFinite(total) || !double.IsFinite(weighted))
            {
                throw new ArithmeticException("the logits are not finite: the weights are damaged or the step diverged");
            }

            var token = Race(x, w, u, temperature, chance, position);
            var logTotal = Math.Log(total);
            return new(token, (float)((((double)x[token] - max) / temperature) - logTotal), (float)Math.Max(0, logTotal - (weighted / total)));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private float Max(float* x)
    {
        var n = _vocabulary;
        var i = 0;
        var best = float.NegativeInfinity;
        if (n >= 16)
        {
            var lanes = Vector512.Create(float.NegativeInfinity);
            for (; i + 16 <= n; i += 16)
            {
                lanes = Vector512.Max(lanes, Vector512.Load(x + i));
            }

            best = LaneMath.Largest(lanes);
        }

        for (; i < n; i++)
        {
            best = MathF.Max(best, x[i]);
        }

        return best;
    }

    /// <summary>Writes w = exp((x - max) / T), zero beyond the vocabulary; returns the sum of w and of w (x - max) / T.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private (double Total, double Weighted) Weigh(float* x, float max, double temperature, float* w)
    {
        var n = _vocabulary;
        var inverse = (float)(1 / temperature);
        var total = Vector512<float>.Zero;
        var weighted = Vector512<float>.Zero;
        var i = 0;
        for (; i + 16 <= n; i += 16)
        {
            // Below -87 a weight is nothing beside 1, and minus infinity times zero must not reach the sum.
            var z = Vector512.Max((Vector512.Load(x + i) - Vector512.Create(max)) * Vector512.Create(inverse), Vector512.Create(-87f));
            var e = LaneMath.Exp(z);
            e.Store(w + i);
            total += e;
            weighted += e * z;
        }

        double sum = Vector512.Sum(total);
        double sumWeighted = Vector512.Sum(weighted);
        for (; i < n; i++)
        {
            var z = MathF.Max((x[i] - max) * inverse, -87f);
            w[i] = MathF.Exp(z);
            sum += w[i];
            sumWeighted += w[i] * z;
        }

        for (; i < _weights.Length; i++)
        {
            w[i] = 0;
        }

        return (sum, sumWeighted);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private int Race(float* x, float* w, float* u, double temperature, ChanceKey chance, uint position)
    {
        var infinity = Vector512.Create(float.PositiveInfinity);
        var negligible = Vector512.Create(Negligible);
        var least = infinity;
        for (var i = 0; i < _weights.Length; i += PhiloxLanes.Tokens)
        {
            var likely = Vector512.Max(Vector512.Max(Vector512.Load(w + i), Vector512.Load(w + i + 16)), Vector512.Max(Vector512.Load(w + i + 32), Vector512.Load(w + i + 48)));
            if (!Vector512.GreaterThanAny(likely, negligible))
            {
                for (var j = 0; j < PhiloxLanes.Tokens; j += 16)
                {
                    infinity.Store(u + i + j);
                }

                continue;
            }

            PhiloxLanes.Uniforms(chance, position, (uint)i, u + i);
            for (var j = i; j < i + PhiloxLanes.Tokens; j += 16)
            {
                var weight = Vector512.Load(w + j);
                var bound = Vector512.ConditionalSelect(Vector512.GreaterThan(weight, negligible), Vector512.Load(u + j) / weight, infinity);
                bound.Store(u + j);
                least = Vector512.Min(least, bound);
            }
        }

        // The exact time of the token with the least bound is an upper bound of the winner's.
        var lowest = -LaneMath.Largest(-least);

        var limit = Vector512.Create((float)(ExactTime(First(u, lowest)) * Slack));
        var best = -1;
        var bestScore = double.NegativeInfinity;
        for (var i = 0; i < _weights.Length; i += 16)
        {
            var near = Vector512.LessThanOrEqual(Vector512.Load(u + i), limit);
            for (var bits = near.ExtractMostSignificantBits(); bits != 0; bits &= bits - 1)
            {
                var token = i + System.Numerics.BitOperations.TrailingZeroCount(bits);
                var score = ((double)x[token] / temperature) + chance.Gumbel(position, (uint)token);
                if (score > bestScore)
                {
                    (best, bestScore) = (token, score);
                }
            }
        }

        return best;

        double ExactTime(int token) => -Math.Log(1.0 - chance.Uniform(position, (uint)token)) / w[token];
    }

    private int First(float* bounds, float value)
    {
        for (var i = 0; ; i++)
        {
            if (bounds[i] == value)
            {
                return i;
            }
        }
    }

    private SampledToken Cut(ReadOnlySpan<float> logits, SamplingOptions options, ChanceKey chance, uint position)
    {
        fixed (float* x = logits)
        {
            var top = Max(x);
            if (!float.IsFinite(top) || !AllNumbers(logits))
            {
                throw new ArithmeticException("the logits are not finite: the weights are damaged or the step diverged");
            }

            if (options.Temperature <= 0)
            {
                return new(logits.IndexOf(top), 0, 0);
            }

            Likeliest(x, options.TopK > 0 ? Math.Min(options.TopK, _vocabulary) : _vocabulary);
            _keptWeights.Clear();
            foreach (var token in _kept)
            {
                _keptWeights.Add(Math.Exp((x[token] - (double)top) / options.Temperature));
            }

            var keep = options.TopP < 1 ? Nucleus(_keptWeights, options.TopP) : _kept.Count;
            double total = 0;
            for (var i = 0; i < keep; i++)
            {
                total += _keptWeights[i];
            }

            var (best, bestScore, entropy) = (-1, double.NegativeInfinity, 0.0);
            for (var i = 0; i < keep; i++)
            {
                var token = _kept[i];
                var score = ((double)x[token] / options.Temperature) + chance.Gumbel(position, (uint)token);
                if (score > bestScore || (score == bestScore && token < best))
                {
                    (best, bestScore) = (token, score);
                }

                var p = _keptWeights[i] / total;
                entropy -= p > 0 ? p * Math.Log(p) : 0;
            }

            return new(best, (float)((((double)x[best] - top) / options.Temperature) - Math.Log(total)), (float)entropy);
        }
    }

    /// <summary>Whether no logit is a NaN (minus infinity is a token that was forbidden).</summary>
    private static bool AllNumbers(ReadOnlySpan<float> logits)
    {
        foreach (var logit in logits)
        {
            if (float.IsNaN(logit))
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>Fills <see cref="_kept"/> with the k likeliest tokens, likeliest first, ties to the lower id.</summary>
    private void Likeliest(float* x, int k)
    {
        _kept.Clear();
        if (k == _vocabulary)
        {
            var values = new ReadOnlySpan<float>(x, _vocabulary).ToArray();
            var order = Enumerable.Range(0, _vocabulary).ToArray();
            Array.Sort(order, (a, b) => values[a] != values[b] ? values[b].CompareTo(values[a]) : a.CompareTo(b));
            _kept.AddRange(order);
            return;
        }

        for (var i = 0; i < _vocabulary; i++)
        {
            if (_kept.Count == k && !(x[i] > x[_kept[^1]]))
            {
                continue;
            }

            if (_kept.Count == k)
            {
                _kept.RemoveAt(k - 1);
            }

            var at = _kept.Count;
            while (at > 0 && x[_kept[at - 1]] < x[i])
            {
                at--;
            }

            _kept.Insert(at, i);
        }
    }
}
