using Axpo.Core;
using Axpo.Training.Devices;
using Axpo.Training.Native;
using static TorchSharp.torch;

namespace Axpo.Training.Generation;

/// <summary>A token that is to be drawn.</summary>
/// <param name="Options">Temperature and cuts.</param>
/// <param name="Chance">Key of the sequence.</param>
/// <param name="Position">Absolute position of the token.</param>
/// <param name="Forced">The token that it must be; null: it is drawn.</param>
internal readonly record struct TensorDraw(SamplingOptions Options, ChanceKey Chance, int Position, int? Forced = null);

/// <summary>
/// Keyed Gumbel-max over many rows of logits at once, on any device: the token is the one that <see cref="TokenSampler.Scalar"/> chooses, but for rounding of the cuts' sums. Everything after the logits is float64. What was drawn comes back in one
/// copy.
/// </summary>
internal sealed class TensorSampler : IDisposable
{
    /// <summary>Bytes that drawing takes at most, a logit.</summary>
    private const long BytesPerLogit = 128;

    /// <summary>Numbers of a row beside its noise: the token that it must be, and how many tokens are kept.</summary>
    private const int RowNumbers = TensorNoise.RowNumbers + 2;

    /// <summary>Of what is drawn: token, log-prob, entropy, largest logit.</summary>
    private const int Results = 4;

    private readonly int _vocabulary;
    private readonly Device _device;
    private readonly TensorNoise _noise;

    /// <param name="vocabulary">Size of the vocabulary.</param>
    /// <param name="device">Where the logits are.</param>
    public TensorSampler(int vocabulary, Device device) => (_vocabulary, _device, _noise) = (vocabulary, device, new TensorNoise(vocabulary, device));

    /// <summary>Draws a token a row.</summary>
    /// <param name="draws">The rows; those of one <see cref="DrawKind"/> should stand together.</param>
    /// <param name="logits">Logits [count, vocabulary] of rows from a first one on.</param>
    /// <returns>The token, or why there is none.</returns>
    public (SampledToken Token, string? Error)[] Sample(IReadOnlyList<TensorDraw> draws, Func<int, int, Tensor> logits)
    {
        using var scope = NewDisposeScope();
        var n = draws.Count;
        var numbers = _device.Upload([.. draws.SelectMany(Numbers)]).view(n, RowNumbers).t().contiguous();
        var cuts = _device.Upload([.. draws.SelectMany(d => new[] { d.Options.Temperature, d.Options.TopP })]).view(n, 2);
        var most = (int)Math.Max(1, ComputeDevice.ScratchBytes(_device) / (BytesPerLogit * _vocabulary));
        var drawn = new List<Tensor>();
        for (var first = 0; first < n;)
        {
            var kind = TokenDraw.KindOf(draws[first].Options, _vocabulary);
            var end = first + 1;
            while (end < n && end - first < most && TokenDraw.KindOf(draws[end].Options, _vocabulary) == kind)
            {
                end++;
            }

            var mostKept = Enumerable.Range(first, end - first).Max(i => Kept(draws[i]));
            drawn.Add(Draw(kind, logits(first, end - first), numbers.narrow(1, first, end - first), cuts.narrow(0, first, end - first), mostKept));
            first = end;
        }

        var results = cat(drawn).Doubles();
        return [.. draws.Select((draw, i) => Read(draw, results.AsSpan(i * Results, Results)))];
    }

    /// <inheritdoc/>
    public void Dispose() => _noise.Dispose();

    private IEnumerable<long> Numbers(TensorDraw draw) => TensorNoise.Row(draw.Chance, draw.Position).Append(draw.Forced ?? -1).Append(Kept(draw));

    /// <summary>Most tokens of a row that are kept.</summary>
    private int Kept(TensorDraw draw) => TokenDraw.KindOf(draw.Options, _vocabulary) == DrawKind.TopK ? draw.Options.TopK : _vocabulary;

    private static (SampledToken Token, string? Error) Read(TensorDraw draw, ReadOnlySpan<double> result)
    {
        if (!double.IsFinite(result[3]))
        {
            return (default, TokenSampler.DamagedLogits);
        }

        return double.IsFinite(result[1])
            ? (new SampledToken((int)result[0], (float)result[1], (float)Math.Max(0, result[2])), null)
            : (default, $"the forced token {draw.Forced} has no probability");
    }

    /// <summary>[n, 4] float64.</summary>
    private Tensor Draw(DrawKind kind, Tensor logits, Tensor numbers, Tensor cuts, int mostKept)
    {
        using var scope = NewDisposeScope();

        // Not a number where any logit is none, and infinite where one is or all are forbidden.
        var largest = logits.amax([1], keepdim: true).to(ScalarType.Float64);
        if (kind == DrawKind.Greedy)
        {
            var none = zeros_like(largest);
            return cat([logits.argmax(1, keepdim: true).to(ScalarType.Float64), none, none, largest], 1).MoveToOuterDisposeScope();
        }

        var (temperature, topP) = (cuts.narrow(1, 0, 1), cuts.narrow(1, 1, 1));
        var kept = kind == DrawKind.Whole ? logits : TensorCut.Apply(logits, temperature, topP, numbers.select(0, TensorNoise.RowNumbers + 1).unsqueeze(1), mostKept);
        var z = (kept.to(ScalarType.Float64) - largest).div(temperature);
        var best = z.Plus(_noise.Gumbel(numbers.narrow(0, 0, TensorNoise.RowNumbers))).argmax(1, keepdim: true);
        var forced = numbers.select(0, TensorNoise.RowNumbers).unsqueeze(1);
        var token = where(forced.IsBelow(0), best, forced);
        var chosen = z.gather(1, token);

        // Minus infinity times zero must not reach the sum.
        z = z.AtLeast(-700);
        var weights = z.exp();
        var total = weights.sum(1, keepdim: true);
        var logTotal = total.log();
        var entropy = logTotal - (weights * z).sum(1, keepdim: true).div(total);
        return cat([token.to(ScalarType.Float64), chosen - logTotal, entropy, largest], 1).MoveToOuterDisposeScope();
    }
}
