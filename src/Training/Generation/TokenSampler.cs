using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Axpo.Core;
using Axpo.Training.Kernels;

namespace Axpo.Training.Generation;

/// <summary>
/// Keyed Gumbel-max over logits, a whole row at once or tile by tile of the vocabulary. The token is always the one that <see cref="Scalar"/> chooses: the argmax over the kept support of
/// <c>logit / T + Gumbel(position, token)</c> in double, ties to the lower id; so that the winner of a row is the best of its tiles' winners. The vectorised path only narrows the candidates, with
/// bounds that hold in exact arithmetic: the maximum is the minimum of the exponential race <c>E / w</c>, <c>E = -ln(1 - u)</c>, <c>w = exp((logit - max) / T)</c>, and
/// <c>u &lt;= E</c>, so that <c>u / w</c> bounds a token's time from below without any logarithm; tokens with w below 1e-12 cannot win at all, for
/// u is at least 2^-33 and the likeliest token's time at most ln 2^33. Not thread-safe: one a worker.
/// </summary>
public sealed unsafe class TokenSampler
{
    /// <summary>Why no token can be drawn from a row.</summary>
    internal const string DamagedLogits = "the logits are not finite: the weights are damaged or the step diverged";

    // Float rounding of w (4e-6) and u (1e-7) against this slack: a candidate is never lost.
    private const double Slack = 1 + 1e-4;
    private const float Negligible = 1e-12f;

    private readonly int _vocabulary;
    private readonly TokenDraw _row = new();
    private readonly float[] _weights;
    private readonly float[] _uniforms;

    /// <param name="vocabulary">Size of the vocabulary.</param>
    public TokenSampler(int vocabulary)
        : this(vocabulary, vocabulary)
    {
    }

    /// <param name="vocabulary">Size of the vocabulary.</param>
    /// <param name="tile">Most logits of a tile.</param>
    internal TokenSampler(int vocabulary, int tile)
    {
        _vocabulary = vocabulary;
        var padded = (tile + PhiloxLanes.Tokens - 1) / PhiloxLanes.Tokens * PhiloxLanes.Tokens;
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

        _row.Begin(options, chance, position, _vocabulary);
        Take(_row, logits, 0);
        return End(_row);
    }

    /// <summary>Takes the next tile of a row that was begun: tiles in order of their tokens, each but the last a multiple of 64 long.</summary>
    /// <param name="row">The row.</param>
    /// <param name="logits">Logits of the tile.</param>
    /// <param name="first">Id of the tile's first token.</param>
    /// <exception cref="ArithmeticException">A logit is not a number or infinite.</exception>
    internal void Take(TokenDraw row, ReadOnlySpan<float> logits, int first)
    {
        fixed (float* x = logits)
        {
            var max = LogitLanes.Max(x, logits.Length);
            if (float.IsNaN(max) || float.IsPositiveInfinity(max) || ((row.Kind != DrawKind.Whole || !float.IsFinite(max)) && !LogitLanes.AllNumbers(x, logits.Length)))
            {
                throw Damaged();
            }

            if (float.IsNegativeInfinity(max))
            {
                // All of them are forbidden.
                return;
            }

            switch (row.Kind)
            {
                case DrawKind.Greedy:
                    if (max > row.Max)
                    {
                        (row.Max, row.Best) = (max, first + logits.IndexOf(max));
                    }

                    break;
                case DrawKind.Whole:
                    Race(row, x, logits.Length, first, max);
                    break;
                case DrawKind.TopK:
                    row.Candidates.Take(x, logits.Length, first);
                    break;
                default:
                    row.Add(max, LogitLanes.Total(x, logits.Length, max, row.Temperature), 0);
                    row.Candidates.AtLeast(row.LeastOfNucleus);
                    row.Candidates.Take(x, logits.Length, first);
                    break;
            }
        }
    }

    /// <summary>Draws the token of a row whose tiles were all taken.</summary>
    /// <exception cref="ArithmeticException">No token is allowed, or the logits are damaged.</exception>
    internal static SampledToken End(TokenDraw row)
    {
        switch (row.Kind)
        {
            case DrawKind.Greedy when row.Best >= 0:
                return new(row.Best, 0, 0);
            case DrawKind.Whole when row.Best >= 0 && double.IsFinite(row.Total) && double.IsFinite(row.Weighted):
                var logTotal = Math.Log(row.Total);
                return new(row.Best, (float)((((double)row.BestLogit - row.Max) / row.Temperature) - logTotal), (float)Math.Max(0, logTotal - (row.Weighted / row.Total)));
            case DrawKind.TopK or DrawKind.Nucleus:
                return row.Candidates.Draw(row) ?? throw Damaged();
            default:
                throw Damaged();
        }
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

    /// <summary>The tile's part of the sums, and its winner.</summary>
    private void Race(TokenDraw row, float* x, int count, int first, float max)
    {
        fixed (float* w = _weights)
        fixed (float* u = _uniforms)
        {
            var padded = (count + PhiloxLanes.Tokens - 1) / PhiloxLanes.Tokens * PhiloxLanes.Tokens;
            var (total, weighted) = LogitLanes.Weigh(x, count, max, row.Temperature, w, padded);
            if (!double.IsFinite(total) || !double.IsFinite(weighted))
            {
                throw Damaged();
            }

            row.Add(max, total, weighted);
            Winner(row, x, w, u, padded, first);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Winner(TokenDraw row, float* x, float* w, float* u, int padded, int first)
    {
        var (chance, position, temperature) = (row.Chance, row.Position, row.Temperature);
        var infinity = Vector512.Create(float.PositiveInfinity);
        var negligible = Vector512.Create(Negligible);
        var least = infinity;
        for (var i = 0; i < padded; i += PhiloxLanes.Tokens)
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

            PhiloxLanes.Uniforms(chance, position, (uint)(first + i), u + i);
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
        var nearest = 0;
        while (u[nearest] != lowest)
        {
            nearest++;
        }

        var limit = Vector512.Create((float)(-Math.Log(1.0 - chance.Uniform(position, (uint)(first + nearest))) / w[nearest] * Slack));
        for (var i = 0; i < padded; i += 16)
        {
            var near = Vector512.LessThanOrEqual(Vector512.Load(u + i), limit);
            for (var bits = near.ExtractMostSignificantBits(); bits != 0; bits &= bits - 1)
            {
                var token = i + System.Numerics.BitOperations.TrailingZeroCount(bits);
                var score = ((double)x[token] / temperature) + chance.Gumbel(position, (uint)(first + token));
                if (score > row.BestScore)
                {
                    (row.Best, row.BestScore, row.BestLogit) = (first + token, score, x[token]);
                }
            }
        }
    }

    private static ArithmeticException Damaged() => new(DamagedLogits);
}
