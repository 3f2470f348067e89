using Axpo.Core;
using Axpo.Training.Generation;
using CsCheck;
using Shouldly;
using Xunit;

namespace Axpo.Training.Tests.Generation;

public sealed class TokenSamplerTests
{
    private static readonly ChanceKey Key = ChanceKey.Root(7).With("sampler");

    [Fact]
    public unsafe void Sixteen_lanes_of_noise_equal_the_scalar_generator()
    {
        var uniforms = new float[64];
        for (var position = 0u; position < 5; position++)
        {
            for (var first = 0u; first < 512; first += 64)
            {
                fixed (float* p = uniforms)
                {
                    PhiloxLanes.Uniforms(Key, position, first, p);
                }

                for (var i = 0u; i < 64; i++)
                {
                    uniforms[i].ShouldBe((float)Key.Uniform(position, first + i), Key.Uniform(position, first + i) * 2e-7);
                }
            }
        }
    }

    [Theory]
    [InlineData(1.0, 1.0, 0)]
    [InlineData(0.3, 1.0, 0)]
    [InlineData(0.01, 1.0, 0)]
    [InlineData(3.0, 1.0, 0)]
    [InlineData(0.7, 0.8, 20)]
    [InlineData(1.0, 1.0, 5)]
    [InlineData(1.0, 0.5, 0)]
    [InlineData(0.0, 1.0, 0)]
    public void The_token_is_always_the_one_of_the_plain_definition(double temperature, double topP, int topK)
    {
        var options = new SamplingOptions { Temperature = temperature, TopP = topP, TopK = topK };
        Gen.Select(Gen.Int[1, 1300], Gen.Double[0.01, 30], Gen.ULong, Gen.Int[0, 5000]).Sample((vocabulary, spread, seed, position) =>
        {
            var logits = Logits(vocabulary, spread, seed);
            var key = ChanceKey.Root(seed);
            var sampled = new TokenSampler(vocabulary).Sample(logits, options, key, position);
            var wanted = TokenSampler.Scalar(logits, options, key, position);
            sampled.Token.ShouldBe(wanted.Token);
            sampled.LogProb.ShouldBe(wanted.LogProb, 2e-5 * (1 + Math.Abs(wanted.LogProb)));
            sampled.Entropy.ShouldBe(wanted.Entropy, 1e-4);
        }, iter: 400);
    }

    /// <summary>Cuts of every kind, on rows with ties and forbidden tokens, as one tile and as many.</summary>
    [Fact]
    public void Whatever_the_cut_and_the_tiles_the_token_is_that_of_the_plain_definition()
    {
        double[] temperatures = [0, .05, .3, .7, 1, 2];
        double[] nuclei = [1, .999, .95, .8, .5, .01];
        int[] most = [0, 1, 5, 20, 700, 100_000];
        var options = Gen.Select(Gen.Int[0, 5], Gen.Int[0, 5], Gen.Int[0, 5], (t, p, k) => new SamplingOptions { Temperature = temperatures[t], TopP = nuclei[p], TopK = most[k] });
        Gen.Select(Gen.Int[1, 5000], Gen.Double[0.01, 30], Gen.Bool, Gen.Bool, Gen.ULong, options, Gen.Int[1, 20]).Sample((vocabulary, spread, ties, forbids, seed, sampling, blocks) =>
        {
            float[] logits = [.. Logits(vocabulary, spread, seed).Select((x, i) => forbids && i % 3 == 0 && i > 0 ? float.NegativeInfinity : ties ? MathF.Round(x) : x)];
            var key = ChanceKey.Root(seed);
            var wanted = TokenSampler.Scalar(logits, sampling, key, 11);
            var sampled = new TokenSampler(vocabulary).Sample(logits, sampling, key, 11);
            sampled.Token.ShouldBe(wanted.Token);
            sampled.LogProb.ShouldBe(wanted.LogProb, 2e-5 * (1 + Math.Abs(wanted.LogProb)));
            sampled.Entropy.ShouldBe(wanted.Entropy, 1e-4);

            var tile = blocks * PhiloxLanes.Tokens;
            var sampler = new TokenSampler(vocabulary, Math.Min(tile, vocabulary));
            var row = new TokenDraw();
            row.Begin(sampling, key, 11, vocabulary);
            for (var first = 0; first < vocabulary; first += tile)
            {
                sampler.Take(row, logits.AsSpan(first, Math.Min(tile, vocabulary - first)), first);
            }

            var tiled = TokenSampler.End(row);
            tiled.Token.ShouldBe(wanted.Token);
            tiled.LogProb.ShouldBe(sampled.LogProb, 2e-6 * (1 + Math.Abs(sampled.LogProb)));
            tiled.Entropy.ShouldBe(sampled.Entropy, 2e-5);
        }, iter: 1500);
    }

    [Theory]
    [InlineData(1.0, 1.0, 0)]
    [InlineData(0.7, 0.8, 20)]
    [InlineData(1.0, 0.95, 0)]
    [InlineData(1.0, 1.0, 5000)]
    public void A_vocabulary_of_150000_tokens(double temperature, double topP, int topK)
    {
        var options = new SamplingOptions { Temperature = temperature, TopP = topP, TopK = topK };
        var sampler = new TokenSampler(150_000);
        for (var seed = 1ul; seed < 6; seed++)
        {
            var logits = Logits(150_000, 12, seed);
            var sampled = sampler.Sample(logits, options, Key, 5);
            var wanted = TokenSampler.Scalar(logits, options, Key, 5);
            sampled.Token.ShouldBe(wanted.Token);
            sampled.LogProb.ShouldBe(wanted.LogProb, 2e-5 * (1 + Math.Abs(wanted.LogProb)));
            sampled.Entropy.ShouldBe(wanted.Entropy, 1e-4);
        }
    }

    [Fact]
    public void Equal_logits_and_forbidden_tokens()
    {
        var logits = Enumerable.Range(0, 1247).Select(i => i % 3 == 0 ? float.NegativeInfinity : 1f).ToArray();
        var sampler = new TokenSampler(logits.Length);
        for (var position = 0; position < 300; position++)
        {
            var sampled = sampler.Sample(logits, new SamplingOptions(), Key, position);
            sampled.Token.ShouldBe(TokenSampler.Scalar(logits, new SamplingOptions(), Key, position).Token);
            (sampled.Token % 3).ShouldNotBe(0);
            sampled.LogProb.ShouldBe(-MathF.Log(logits.Count(float.IsFinite)), 1e-4f);
        }
    }

    [Fact]
    public void Frequencies_are_those_of_the_distribution()
    {
        float[] logits = [2f, 1f, 0f, -1f, -3f];
        var total = logits.Sum(x => Math.Exp(x));
        var counts = new int[logits.Length];
        var sampler = new TokenSampler(logits.Length);
        const int Draws = 40_000;
        for (var i = 0; i < Draws; i++)
        {
            counts[sampler.Sample(logits, new SamplingOptions(), Key.With((ulong)i), 3).Token]++;
        }

        // Chi-square with 4 degrees of freedom: 18.5 is the 99.9% point; the key is fixed, so this cannot flicker.
        logits.Select((x, i) => (Want: Draws * Math.Exp(x) / total, Got: counts[i])).Sum(c => (c.Got - c.Want) * (c.Got - c.Want) / c.Want).ShouldBeLessThan(18.5);
    }

    [Theory]
    [InlineData(1.0, 0)]
    [InlineData(0.7, 20)]
    [InlineData(0.0, 0)]
    [InlineData(1.0, 0, .9)]
    public void Damaged_logits_are_named(double temperature, int topK, double topP = 1)
    {
        var options = new SamplingOptions { Temperature = temperature, TopK = topK, TopP = topP };
        foreach (var damage in new[] { float.NaN, float.PositiveInfinity })
        {
            var logits = Logits(100, 1, 1);
            logits[37] = damage;
            Should.Throw<ArithmeticException>(() => new TokenSampler(100).Sample(logits, options, Key, 0)).Message.ShouldContain("not finite");
        }

        var none = Enumerable.Repeat(float.NegativeInfinity, 100).ToArray();
        Should.Throw<ArithmeticException>(() => new TokenSampler(100).Sample(none, options, Key, 0)).Message.ShouldContain("not finite");
    }

    private static float[] Logits(int vocabulary, double spread, ulong seed)
    {
        var stream = ChanceKey.Root(seed).With("logits").Stream();
        return [.. Enumerable.Range(0, vocabulary).Select(_ => (float)(spread * ((stream.NextDouble() * 2) - 1)))];
    }
}
