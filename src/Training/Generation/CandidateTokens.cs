using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Axpo.Training.Generation;

/// <summary>
/// The tokens of a row that may be kept when it is cut: the k likeliest, or those heavy enough for the nucleus. A key holds logit and id so that ascending keys are descending logits, ties to the lower id; the
/// vocabulary is filtered by a comparison of sixteen logits at once, and only what passes is ever sorted.
/// </summary>
internal sealed unsafe class CandidateTokens
{
    // Room beyond the k likeliest: what is found before it is sorted out again.
    private const int Room = 64;

    // As in TokenSampler: a candidate is never lost to rounding.
    private const double Slack = 1 + 1e-4;

    private ulong[] _keys = [];
    private double[] _weights = [];
    private int _count;
    private int _limit;
    private float _least;

    /// <summary>Forgets all; at most so many of the likeliest will be kept.</summary>
    public void Clear(int limit) => (_count, _limit, _least) = (0, limit, float.NegativeInfinity);

    /// <summary>Only tokens with at least this logit are taken from now on.</summary>
    public void AtLeast(float logit) => _least = logit;

    /// <summary>Takes what may be kept of a tile.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Take(float* x, int count, int first)
    {
        var i = 0;
        for (; i + 16 <= count; i += 16)
        {
            for (var bits = Vector512.GreaterThanOrEqual(Vector512.Load(x + i), Vector512.Create(_least)).ExtractMostSignificantBits(); bits != 0; bits &= bits - 1)
            {
                var at = i + System.Numerics.BitOperations.TrailingZeroCount(bits);
                Add(x[at], first + at);
            }
        }

        for (; i < count; i++)
        {
            if (x[i] >= _least)
            {
                Add(x[i], first + i);
            }
        }
    }

    /// <summary>Draws from what is kept; null: there is nothing.</summary>
    public SampledToken? Draw(TokenDraw row)
    {
        _keys.AsSpan(0, _count).Sort();
        _count = Math.Min(_count, _limit);
        if (_count == 0 || float.IsNegativeInfinity(Logit(_keys[0])))
        {
            return null;
        }

        var (top, temperature) = ((double)Logit(_keys[0]), row.Temperature);
        if (_weights.Length < _count)
        {
            _weights = new double[_keys.Length];
        }

        double all = 0;
        for (var i = 0; i < _count; i++)
        {
            _weights[i] = Math.Exp((Logit(_keys[i]) - top) / temperature);
            all += _weights[i];
        }

        var keep = row.Options.TopP < 1 ? Nucleus(row.Options.TopP * (row.Kind == DrawKind.Nucleus ? row.Total : all)) : _count;
        var (best, bestScore, limit, total, weighted) = (0, double.NegativeInfinity, double.PositiveInfinity, 0.0, 0.0);
        for (var i = 0; i < keep; i++)
        {
            var (token, logit, weight) = ((int)(uint)_keys[i], (double)Logit(_keys[i]), _weights[i]);
            if (weight > 0)
            {
                total += weight;
                weighted += weight * ((logit - top) / temperature);
            }

            // The bound of the race: a token's time is at least u / w.
            var uniform = row.Chance.Uniform(row.Position, (uint)token);
            if (uniform > limit * weight)
            {
                continue;
            }

            var score = (logit / temperature) + row.Chance.Gumbel(row.Position, (uint)token);
            if (score > bestScore || (score == bestScore && token < (int)(uint)_keys[best]))
            {
                (best, bestScore, limit) = (i, score, -Math.Log(1 - uniform) / weight * Slack);
            }
        }

        var logTotal = Math.Log(total);
        return new((int)(uint)_keys[best], (float)(((Logit(_keys[best]) - top) / temperature) - logTotal), (float)Math.Max(0, logTotal - (weighted / total)));
    }

    private static ulong Key(float logit, int token)
    {
        // Minus zero becomes zero, for they are equal.
        var bits = BitConverter.SingleToUInt32Bits(logit + 0f);
        var ascending = (bits & 0x80000000) != 0 ? ~bits : bits | 0x80000000;
        return ((ulong)~ascending << 32) | (uint)token;
    }

    private static float Logit(ulong key)
    {
        var ascending = ~(uint)(key >> 32);
        return BitConverter.UInt32BitsToSingle((ascending & 0x80000000) != 0 ? ascending & 0x7FFFFFFF : ~ascending);
    }

    /// <summary>Number of the likeliest whose weight first reaches a sum; at least one.</summary>
    private int Nucleus(double enough)
    {
        double reached = 0;
        for (var i = 0; i < _count; i++)
        {
            reached += _weights[i];
            if (reached >= enough)
            {
                return i + 1;
            }
        }

        return _count;
    }

    private void Add(float logit, int token)
    {
        if (_count == _keys.Length)
        {
            Array.Resize(ref _keys, Math.Max(1024, 2 * _count));
        }

        _keys[_count++] = Key(logit, token);
        if (_count - _limit >= Math.Max(Room, _limit))
        {
            // Twice as many as are wanted: the worse half goes, and from now on only better ones pass (an equal one has a higher id).
            _keys.AsSpan(0, _count).Sort();
            _count = _limit;
            _least = MathF.BitIncrement(Logit(_keys[_limit - 1]));
        }
    }
}
