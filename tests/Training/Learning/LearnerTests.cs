using Axpo.Core;
using Axpo.Training.Learning;
using Axpo.Training.Models;
using Shouldly;
using TorchSharp;
using Xunit;
using static TorchSharp.torch;

namespace Axpo.Training.Tests.Learning;

public sealed class LearnerTests : IClassFixture<TinyModel>
{
    private readonly TinyModel _model;

    public LearnerTests(TinyModel model) => _model = model;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_cut_into_micro_batches_never_changes_the_gradient()
    {
        var batch = Batches.Random(_model.Tokenizer.Size, 6, 4, 1);
        using var whole = await Start(new LearnerOptions { MicroBatchTokens = 100_000, Threads = 1 });
        var (loss, want) = await whole.GradientsAsync(batch, null, Token);
        foreach (var tokens in new[] { 64, 150, 400 })
        {
            using var cut = await Start(new LearnerOptions { MicroBatchTokens = tokens, Threads = 1 });
            var (cutLoss, got) = await cut.GradientsAsync(batch, null, Token);
            cutLoss.ShouldBe(loss, 1e-6);
            foreach (var (name, gradient) in want)
            {
                (got[name] - gradient).norm().ToDouble().ShouldBeLessThanOrEqualTo(1e-5 * gradient.norm().ToDouble(), name);
            }
        }
    }

    [Fact]
    public async Task Tokens_without_weight_change_nothing()
    {
        var batch = Batches.Random(_model.Tokenizer.Size, 2, 3, 2);
        var changed = batch with
        {
            Sequences = [.. batch.Sequences.Select(s => new TrainSequence
            {
                Id = s.Id, Question = s.Question, Tokens = s.Tokens, IsLoss = s.IsLoss, Weight = s.Weight,
                Advantages = [.. s.Advantages.Select((a, t) => !s.IsLoss[t] ? 1e6 : a)],
                BehaviorLogProbs = [.. s.BehaviorLogProbs.Select((b, t) => !s.IsLoss[t] ? 123f : b)],
            })],
        };
        using var learner = await Start(new LearnerOptions { Threads = 1 });
        var (loss, want) = await learner.GradientsAsync(batch, null, Token);
        var (sameLoss, got) = await learner.GradientsAsync(changed, null, Token);
        sameLoss.ShouldBe(loss);
        foreach (var (name, gradient) in want)
        {
            Fixtures.Difference(got[name], gradient).ShouldBe(0, name);
        }
    }

    [Fact]
    public async Task A_batch_without_advantage_and_divergence_leaves_no_gradient()
    {
        var batch = Batches.Random(_model.Tokenizer.Size, 2, 3, 3);
        var flat = batch with
        {
            Sequences = [.. batch.Sequences.Select(s => new TrainSequence
            {
                Id = s.Id, Question = s.Question, Tokens = s.Tokens, IsLoss = s.IsLoss, Weight = s.Weight, Advantages = new double[s.Tokens.Length], BehaviorLogProbs = s.BehaviorLogProbs,
            })],
        };
        using var learner = await Start(new LearnerOptions { Threads = 1 });
        var (loss, gradients) = await learner.GradientsAsync(flat, null, Token);
        loss.ShouldBe(0, 1e-12);
        gradients.Values.ShouldAllBe(g => g.abs().max().ToDouble() < 1e-9);
    }

    [Fact]
    public async Task Sampled_tokens_with_positive_advantage_become_likelier_and_the_reference_pulls_back()
    {
        var batch = Batches.Random(_model.Tokenizer.Size, 4, 2, 4);
        var praised = batch with
        {
            Sequences = [.. batch.Sequences.Select(s => new TrainSequence
            {
                Id = s.Id, Question = s.Question, Tokens = s.Tokens, IsLoss = s.IsLoss, Weight = s.Weight,
                Advantages = [.. s.IsLoss.Select(l => l ? 1.0 : 0.0)], BehaviorLogProbs = s.BehaviorLogProbs,
            })],
        };
        using var learner = await Start(new LearnerOptions { Threads = 1, LearningRate = 1e-3, Minibatches = 1 });
        var first = await learner.UpdateAsync(praised, Token);
        var second = await learner.UpdateAsync(praised with { Id = "c", Step = 2 }, Token);
        first.Kl.ShouldBe(0, 1e-6);
        second.Kl.ShouldBeGreaterThan(0);
        second.MismatchK3.ShouldNotBe(first.MismatchK3);
        learner.Step.ShouldBe(2);
    }

    [Fact]
    public async Task A_resumed_learner_equals_one_that_went_on_bit_for_bit()
    {
        var options = new LearnerOptions { Threads = 1, LearningRate = 1e-3 };
        UpdateBatch Batch(int step) => Batches.Random(_model.Tokenizer.Size, 4, 2, (ulong)step, $"b{step}", step);
        using var straight = await Start(options);
        for (var step = 1; step <= 4; step++)
        {
            await straight.UpdateAsync(Batch(step), Token);
        }

        using var first = await Start(options);
        await first.UpdateAsync(Batch(1), Token);
        await first.UpdateAsync(Batch(2), Token);
        var folder = _model.Scratch("resume-2");
        await first.SaveAsync(folder, Token);
        using var second = await Start(options);
        await second.LoadAsync(folder, Token);
        second.Step.ShouldBe(2);
        await second.UpdateAsync(Batch(3), Token);
        await second.UpdateAsync(Batch(4), Token);

        var one = await straight.SaveAsync(_model.Scratch("straight-4"), Token);
        var two = await second.SaveAsync(_model.Scratch("resumed-4"), Token);
        two.Sha256.ShouldBe(one.Sha256);
        await Should.ThrowAsync<IOException>(() => second.SaveAsync(_model.Scratch("resumed-4"), Token));
    }

    [Fact]
    public async Task A_checkpoint_is_a_model_folder_with_its_tokenizer()
    {
        using var learner = await Start(new LearnerOptions { Threads = 1 });
        var saved = await learner.SaveAsync(_model.Scratch("checkpoint"), Token);
        using var decoder = Decoder.Load(_model.Scratch("checkpoint"));
        File.Exists(Path.Combine(_model.Scratch("checkpoint"), "tokenizer.json")).ShouldBeTrue();
        saved.Sha256.Length.ShouldBe(64);
        Directory.GetDirectories(Path.GetDirectoryName(_model.Scratch("checkpoint"))!, "*.part").ShouldBeEmpty();
    }

    [Fact]
    public async Task A_batch_that_cannot_be_computed_leaves_the_weights_as_they_were()
    {
        using var learner = await Start(new LearnerOptions { Threads = 1 });
        var before = await learner.SaveAsync(_model.Scratch("before"), Token);
        var batch = Batches.Random(_model.Tokenizer.Size, 2, 2, 5);
        batch.Sequences[3].Advantages[^1] = double.NaN;
        (await Should.ThrowAsync<InvalidOperationException>(() => learner.UpdateAsync(batch, Token))).Message.ShouldContain("'b'");
        (await learner.SaveAsync(_model.Scratch("after"), Token)).Sha256.ShouldBe(before.Sha256);
        learner.Step.ShouldBe(0);
    }

    private Task<Learner> Start(LearnerOptions options) =>
        Learner.StartAsync(_model.Folder, new RunConfiguration { Learner = options }, Token);
}
