using Axpo.Core;
using Axpo.Training.Devices;
using Axpo.Training.Generation;
using CsCheck;
using Shouldly;
using TorchSharp;
using Xunit;
using static TorchSharp.torch;

namespace Axpo.Training.Tests.Generation;

/// <summary>Noise, cuts and draws on whole tensors against their plain definitions.</summary>
public sealed class TensorSamplerTests
{
    private const float Forbidden = float.NegativeInfinity;

    private static readonly SamplingOptions[] Kinds =
    [
        new() { Temperature = 0 }, new(), new() { Temperature = .3 }, new() { Temperature = 3 }, new() { Temperature = .7, TopK = 20, TopP = .8 }, new() { TopK = 5 },
        new() { TopK = 1 }, new() { TopP = .5 }, new() { TopP = .95 }, new() { Temperature = .01 },
    ];

    [Fact]
    public void Noise_is_that_of_the_scalar_generator_bit_for_bit() =>
        Gen.Select(Gen.Int[1, 70], Gen.Select(Gen.ULong, Gen.ULong, Gen.Int[0, int.MaxValue]).Array[1, 5]).Sample((vocabulary, rows) =>
        {
            using var scope = NewDisposeScope();
            using var noise = new TensorNoise(vocabulary, ComputeDevice.Cpu);
            var numbers = ComputeDevice.Cpu.Upload([.. rows.SelectMany(r => TensorNoise.Row(new ChanceKey(r.Item1, r.Item2), r.Item3))]).view(rows.Length, TensorNoise.RowNumbers).t().contiguous();
            var (bits, gumbel) = (noise.Bits(numbers), noise.Gumbel(numbers));
            bits.shape.ShouldBe([rows.Length, vocabulary]);
            var (gotBits, gotGumbel) = (bits.contiguous().data<long>().ToArray(), gumbel.Doubles());
            for (var i = 0; i < gotBits.Length; i++)
            {
                var (row, token) = (rows[i / vocabulary], (uint)(i % vocabulary));
                var key = new ChanceKey(row.Item1, row.Item2);
                gotBits[i].ShouldBe(key.Bits((uint)row.Item3, token));
                gotGumbel[i].ShouldBe(key.Gumbel((uint)row.Item3, token), 1e-12 * (1 + Math.Abs(gotGumbel[i])));
            }
        }, iter: 300);

    [Fact]
    public void A_batch_of_every_kind_draws_what_each_row_alone_would() =>
        Gen.Select(Gen.Int[1, 700], Gen.Double[.01, 30], Gen.ULong, Gen.Int[0, 5000], Gen.Int[0, 3]).Sample((vocabulary, spread, seed, position, ties) =>
        {
            var draws = Kinds.Select((options, i) => new TensorDraw(options, ChanceKey.Root(seed).With((ulong)i), position + i)).ToArray();
            var logits = draws.Select((_, i) => Logits(vocabulary, spread, seed + (ulong)i, ties)).ToArray();
            var drawn = Sample(vocabulary, draws, logits);
            for (var i = 0; i < draws.Length; i++)
            {
                var wanted = TokenSampler.Scalar(logits[i], draws[i].Options, draws[i].Chance, draws[i].Position);
                drawn[i].Error.ShouldBeNull();
                drawn[i].Token.Token.ShouldBe(wanted.Token, $"{draws[i].Options}");
                drawn[i].Token.LogProb.ShouldBe(wanted.LogProb, 2e-6 * (1 + Math.Abs(wanted.LogProb)));
                drawn[i].Token.Entropy.ShouldBe(wanted.Entropy, 1e-5);
            }
        }, iter: 300);

    [Theory]
    [InlineData(1.0, 1.0, 0)]
    [InlineData(0.7, 0.8, 20)]
    [InlineData(1.0, 0.9, 0)]
    public void A_vocabulary_of_150000_tokens_in_several_calls(double temperature, double topP, int topK)
    {
        const int Vocabulary = 150_000;
        var options = new SamplingOptions { Temperature = temperature, TopP = topP, TopK = topK };
        var draws = Enumerable.Range(0, 5).Select(i => new TensorDraw(options, ChanceKey.Root((ulong)i), 7)).ToArray();
        var logits = draws.Select((_, i) => Logits(Vocabulary, 12, (ulong)i, 0)).ToArray();
        var drawn = Sample(Vocabulary, draws, logits, out var calls);
        calls.ShouldBeGreaterThan(1);
        for (var i = 0; i < draws.Length; i++)
        {
            var wanted = TokenSampler.Scalar(logits[i], options, draws[i].Chance, 7);
            drawn[i].Token.Token.ShouldBe(wanted.Token);
            drawn[i].Token.LogProb.ShouldBe(wanted.LogProb, 1e-5 * (1 + Math.Abs(wanted.LogProb)));
            drawn[i].Token.Entropy.ShouldBe(wanted.Entropy, 1e-4);
        }
    }

    /// <summary>All equal but forbidden ones: which are kept is a matter of their ids alone.</summary>
    [Fact]
    public void Of_equal_logits_the_lower_ids_are_kept_and_no_forbidden_one_is_drawn()
    {
        var logits = Enumerable.Range(0, 99).Select(i => i % 3 == 0 ? Forbidden : 1f).ToArray();
        SamplingOptions[] kinds = [new() { Temperature = 0 }, new() { TopK = 4 }, new() { TopK = 8, TopP = .5 }, new() { TopP = .06 }, new()];
        int[] kept = [1, 4, 4, 4, 66];
        for (var kind = 0; kind < kinds.Length; kind++)
        {
            var draws = Enumerable.Range(0, 200).Select(position => new TensorDraw(kinds[kind], ChanceKey.Root(5), position)).ToArray();
            var drawn = Sample(99, draws, [.. draws.Select(_ => logits)]);
            var tokens = drawn.Select(d => d.Token.Token).Distinct().ToArray();
            tokens.ShouldAllBe(t => t % 3 != 0);
            tokens.Max().ShouldBe(Enumerable.Range(0, 99).Where(t => t % 3 != 0).ElementAt(kept[kind] - 1) is var last && kept[kind] < 66 ? last : tokens.Max());
            drawn.ShouldAllBe(d => Math.Abs(d.Token.LogProb + Math.Log(kept[kind])) < 1e-5);
        }
    }

    [Fact]
    public void Forced_tokens_have_the_log_prob_of_the_same_distribution()
    {
        var logits = Logits(50, 3, 1, 0);
        logits[9] = Forbidden;
        TensorDraw Draw(int? forced) => new(new SamplingOptions { Temperature = .7 }, ChanceKey.Root(3), 4, forced);
        var drawn = Sample(50, [Draw(null), Draw(17), Draw(0), Draw(9)], [logits, logits, logits, logits]);
        var total = logits.Sum(x => Math.Exp(x / .7));
        drawn[1].Token.Token.ShouldBe(17);
        drawn[1].Token.LogProb.ShouldBe((float)((logits[17] / .7) - Math.Log(total)), 1e-5);
        drawn[1].Token.Entropy.ShouldBe(drawn[0].Token.Entropy);
        drawn[2].Token.Token.ShouldBe(0);
        drawn[2].Token.LogProb.ShouldBe((float)((logits[0] / .7) - Math.Log(total)), 1e-5);
        drawn[3].Error.ShouldBe("the forced token 9 has no probability");
    }

    [Fact]
    public void Damaged_logits_are_an_error_of_their_row_alone()
    {
        foreach (var options in Kinds)
        {
            float[] good = Logits(100, 2, 1, 0), none = [.. Enumerable.Repeat(Forbidden, 100)];
            float[] With(float value) => [.. good.Select((x, i) => i == 37 ? value : x)];
            var draws = Enumerable.Range(0, 5).Select(i => new TensorDraw(options, ChanceKey.Root(9), 3)).ToArray();
            var drawn = Sample(100, draws, [With(float.NaN), good, With(float.PositiveInfinity), none, good]);
            drawn.Select(d => d.Error is not null).ShouldBe([true, false, true, true, false], $"{options}");
            drawn[0].Error!.ShouldContain("not finite");
            drawn[1].Token.Token.ShouldBe(TokenSampler.Scalar(good, options, ChanceKey.Root(9), 3).Token);
            drawn[4].ShouldBe(drawn[1]);
        }
    }

    private static (SampledToken Token, string? Error)[] Sample(int vocabulary, TensorDraw[] draws, float[][] logits) => Sample(vocabulary, draws, logits, out _);

    private static (SampledToken Token, string? Error)[] Sample(int vocabulary, TensorDraw[] draws, float[][] logits, out int calls)
    {
        using var scope = NewDisposeScope();
        using var guard = inference_mode();
        using var sampler = new TensorSampler(vocabulary, ComputeDevice.Cpu);
        var all = tensor(logits.SelectMany(r => r).ToArray(), logits.Length, vocabulary);
        var asked = 0;
        var drawn = sampler.Sample(draws, (first, count) =>
        {
            asked++;
            return all.narrow(0, first, count);
        });
        calls = asked;
        return drawn;
    }

    /// <summary>Random numbers; with ties, of few values.</summary>
    private static float[] Logits(int vocabulary, double spread, ulong seed, int ties)
    {
        var stream = ChanceKey.Root(seed).With("logits").Stream();
        return [.. Enumerable.Range(0, vocabulary).Select(_ => ties == 0 ? (float)(spread * ((stream.NextDouble() * 2) - 1)) : stream.Next(1 + (3 * ties)))];
    }
}
