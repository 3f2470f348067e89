using Axpo.Core;
using Axpo.Training.Learning;
using Axpo.Training.Native;
using Axpo.Training.Safetensors;
using Shouldly;
using TorchSharp;
using Xunit;
using static TorchSharp.torch;

namespace Axpo.Training.Tests.Learning;

/// <summary>bfloat16 passes over float32 weights. That log-probs agree with the engine's within 1e-3 is stated for float32 only.</summary>
public sealed class PrecisionTests(TinyModel model) : IClassFixture<TinyModel>
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(100_000, false)]
    [InlineData(128, false)]
    [InlineData(128, true)]
    public async Task The_gradient_points_where_that_of_float32_does(int cut, bool checkpointing)
    {
        var batch = Batches.Random(model.Tokenizer.Size, 6, 4, 21, mismatch: [-.3, 0, .3]);
        using var precise = await Start(LearnerPrecision.Float32, cut);
        using var rounded = await Start(LearnerPrecision.Bfloat16, cut, checkpointing: checkpointing);
        using var want = new GradientSet(await precise.GradientsAsync(batch, null, Token));
        using var got = new GradientSet(await rounded.GradientsAsync(batch, null, Token));
        got.Of.Values.ShouldAllBe(g => g.dtype == ScalarType.Float32);
        got.CosineTo(want).ShouldBeGreaterThan(.999);
        got.FarthestFrom(want).ShouldBeInRange(1e-5, .1);
    }

    [Fact]
    public async Task Micro_batches_add_up_in_float32()
    {
        var batch = Batches.Random(model.Tokenizer.Size, 6, 4, 22);
        using var whole = await Start(LearnerPrecision.Bfloat16, 100_000);
        using var cut = await Start(LearnerPrecision.Bfloat16, 64);
        using var want = new GradientSet(await whole.GradientsAsync(batch, null, Token));
        using var got = new GradientSet(await cut.GradientsAsync(batch, null, Token));
        got.FarthestFrom(want).ShouldBeLessThan(.05);
    }

    [Fact]
    public async Task Training_makes_praised_tokens_as_likely_as_in_float32()
    {
        var batch = Batches.Random(model.Tokenizer.Size, 4, 2, 23);
        var praised = batch with
        {
            Sequences = [.. batch.Sequences.Select(s => new TrainSequence
            {
                Id = s.Id, Question = s.Question, Tokens = s.Tokens, IsLoss = s.IsLoss, Weight = s.Weight,
                Advantages = [.. s.IsLoss.Select(l => l ? 1.0 : 0.0)], BehaviorLogProbs = s.BehaviorLogProbs,
            })],
        };
        var (before, precise, rounded) = (await Mean(LearnerPrecision.Float32, 0), await Mean(LearnerPrecision.Float32, 30), await Mean(LearnerPrecision.Bfloat16, 30));
        precise.ShouldBeGreaterThan(before + 1);
        (rounded - before).ShouldBe(precise - before, .05 * (precise - before));

        async Task<double> Mean(LearnerPrecision precision, int steps)
        {
            using var learner = await Start(precision, 100_000, rate: 1e-2, loss: "policy-gradient");
            for (var step = 1; step <= steps; step++)
            {
                await learner.UpdateAsync(praised with { Id = $"p{step}", Step = step }, Token);
            }

            var folder = model.Scratch($"{precision}-{steps}");
            await learner.SaveAsync(folder, Token);
            using var decoder = Axpo.Training.Models.Decoder.Load(folder);
            using var guard = no_grad();
            return praised.Sequences.SelectMany(s => LogProbs.Of(decoder, s.Tokens).Where((_, t) => s.IsLoss[t])).Average();
        }
    }

    [Fact]
    public async Task A_checkpoint_is_float32_and_a_resumed_learner_goes_on_bit_for_bit()
    {
        using var straight = await Start(LearnerPrecision.Bfloat16, 128, rate: 1e-3);
        for (var step = 1; step <= 4; step++)
        {
            await straight.UpdateAsync(Batch(step), Token);
        }

        using var first = await Start(LearnerPrecision.Bfloat16, 128, rate: 1e-3);
        await first.UpdateAsync(Batch(1), Token);
        await first.UpdateAsync(Batch(2), Token);
        var folder = model.Scratch("bf16-2");
        await first.SaveAsync(folder, Token);
        using (var scope = NewDisposeScope())
        {
            var saved = SafetensorsFile.Read(Path.Combine(folder, ModelWeights.FileName));
            saved.Values.ShouldAllBe(v => v.dtype == ScalarType.Float32);
            saved.Values.ShouldContain(v => (v - v.to(ScalarType.BFloat16).to(ScalarType.Float32)).abs().max().ToDouble() > 0);
        }

        using var second = await Start(LearnerPrecision.Bfloat16, 128, rate: 1e-3);
        await second.LoadAsync(folder, Token);
        await second.UpdateAsync(Batch(3), Token);
        await second.UpdateAsync(Batch(4), Token);
        (await second.SaveAsync(model.Scratch("bf16-resumed"), Token)).Sha256.ShouldBe((await straight.SaveAsync(model.Scratch("bf16-straight"), Token)).Sha256);
    }

    [Fact]
    public async Task A_batch_that_cannot_be_computed_leaves_the_weights_as_they_were()
    {
        using var learner = await Start(LearnerPrecision.Bfloat16, 128, rate: 1e-3);
        var before = await learner.SaveAsync(model.Scratch("bf16-before"), Token);
        using var want = new GradientSet(await learner.GradientsAsync(Batch(1), null, Token));
        var bad = Batch(2);
        bad.Sequences[^1].Advantages[^1] = double.NaN;
        await Should.ThrowAsync<InvalidOperationException>(() => learner.UpdateAsync(bad, Token));
        (await learner.SaveAsync(model.Scratch("bf16-after"), Token)).Sha256.ShouldBe(before.Sha256);
        using var got = new GradientSet(await learner.GradientsAsync(Batch(1), null, Token));
        got.ShouldBeBitEqualTo(want);
    }

    [Theory]
    [InlineData(LearnerPrecision.Auto, 149, ScalarType.Float32)]
    [InlineData(LearnerPrecision.Auto, 150, ScalarType.BFloat16)]
    [InlineData(LearnerPrecision.Float32, 1000, ScalarType.Float32)]
    [InlineData(LearnerPrecision.Bfloat16, 1, ScalarType.BFloat16)]
    public async Task Auto_is_bfloat16_where_it_pays(LearnerPrecision wanted, double bfloat16, ScalarType want)
    {
        var asked = 0;
        using var learner = await Learner.StartAsync(
            model.Folder,
            new RunConfiguration { Learner = new LearnerOptions { Threads = 1, Precision = wanted } },
            _ =>
            {
                asked++;
                return Task.FromResult(new GemmReport(2, 50, 100, bfloat16 / 2, bfloat16));
            },
            images: null,
            Token);
        learner.Precision.ShouldBe(want);
        asked.ShouldBe(wanted == LearnerPrecision.Auto ? 1 : 0);
    }

    private UpdateBatch Batch(int step) => Batches.Random(model.Tokenizer.Size, 4, 2, (ulong)step, $"b{step}", step);

    private Task<Learner> Start(LearnerPrecision precision, int cut, double rate = 1e-4, bool checkpointing = false, string loss = "ppo") => Learner.StartAsync(
        model.Folder,
        new RunConfiguration
        {
            Objective = new ObjectiveOptions { Loss = loss, KlWeight = 0 },
            Learner = new LearnerOptions { Threads = 1, Precision = precision, MicroBatchTokens = cut, LearningRate = rate, Checkpointing = checkpointing, Minibatches = 2 },
        },
        Token);
}
