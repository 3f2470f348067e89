using Axpo.Core;
using Axpo.Training.Learning;
using Axpo.Training.Models;
using Shouldly;
using Xunit;

namespace Axpo.Training.Tests.Learning;

/// <summary>Workers side by side: the gradient is that of one, and the same bits every time.</summary>
public sealed class MicroBatchWorkersTests(TinyModel model) : IClassFixture<TinyModel>
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(2, 8192)]
    [InlineData(3, 64)]
    [InlineData(7, 128)]
    public async Task Gradients_are_those_of_one_worker_and_the_same_bits_every_time(int threads, int cut)
    {
        var batch = Batches.Random(model.Tokenizer.Size, 6, 4, 41, mismatch: [-.3, 0, .3]);
        using var one = await Start(1, 8192);
        using var many = await Start(threads, cut);
        using var again = await Start(threads, cut);
        using var want = new GradientSet(await one.GradientsAsync(batch, null, Token));
        using var got = new GradientSet(await many.GradientsAsync(batch, null, Token));
        got.Loss.ShouldBe(want.Loss, 1e-6);
        got.FarthestFrom(want).ShouldBeLessThanOrEqualTo(1e-5);
        for (var time = 0; time < 5; time++)
        {
            using var same = new GradientSet(await again.GradientsAsync(batch, null, Token));
            same.ShouldBeBitEqualTo(got);
        }
    }

    [Fact]
    public async Task A_resumed_learner_equals_one_that_went_on_bit_for_bit()
    {
        UpdateBatch Batch(int step) => Batches.Random(model.Tokenizer.Size, 4, 2, (ulong)step, $"b{step}", step);
        using var straight = await Start(3, 64);
        await straight.UpdateAsync(Batch(1), Token);
        var folder = model.Scratch("workers-1");
        await straight.SaveAsync(folder, Token);
        using var resumed = await Start(3, 64);
        await resumed.LoadAsync(folder, Token);
        var (went, back) = (await straight.UpdateAsync(Batch(2), Token), await resumed.UpdateAsync(Batch(2), Token));
        back.ShouldBe(went);
        (await resumed.SaveAsync(model.Scratch("workers-resumed"), Token)).Sha256.ShouldBe((await straight.SaveAsync(model.Scratch("workers-straight"), Token)).Sha256);
    }

    [Fact]
    public async Task Work_that_fails_on_one_worker_fails_the_batch_and_leaves_the_next_one_whole()
    {
        using var learner = await Start(3, 64);
        var batch = Batches.Random(model.Tokenizer.Size, 4, 3, 42);
        using var want = new GradientSet(await learner.GradientsAsync(batch, null, Token));
        var wrong = batch with { Sequences = [.. batch.Sequences.Select((s, i) => i == 7 ? Without(s) : s)] };
        await Should.ThrowAsync<Exception>(() => learner.GradientsAsync(wrong, null, Token));
        using var got = new GradientSet(await learner.GradientsAsync(batch, null, Token));
        got.ShouldBeBitEqualTo(want);

        // A token that the vocabulary does not hold.
        TrainSequence Without(TrainSequence s) => new()
        {
            Id = s.Id,
            Question = s.Question,
            Tokens = [.. s.Tokens.Select((t, i) => i == 3 ? model.Tokenizer.Size + 5 : t)],
            IsLoss = s.IsLoss,
            Weight = s.Weight,
            Advantages = s.Advantages,
            BehaviorLogProbs = s.BehaviorLogProbs,
        };
    }

    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    public void A_worker_takes_every_so_manieth_and_results_stand_in_order(int threads)
    {
        using var decoder = Decoder.Load(model.Folder);
        using var workers = new MicroBatchWorkers(decoder, threads);
        workers.Count.ShouldBe(threads);
        var results = workers.Run([.. Enumerable.Range(0, 11)], (policy, i) => (policy, i), Token);
        results.Select(r => r.i).ShouldBe(Enumerable.Range(0, 11));
        for (var i = 0; i < results.Length; i++)
        {
            results[i].policy.ShouldBeSameAs(results[i % threads].policy);
        }

        results.Select(r => r.policy).Distinct().Count().ShouldBe(threads);
        Should.Throw<OperationCanceledException>(() => workers.Run([1], (_, i) => i, new CancellationToken(true)));
    }

    private Task<Learner> Start(int threads, int cut) => Learner.StartAsync(
        model.Folder, new RunConfiguration { Learner = new LearnerOptions { Threads = threads, MicroBatchTokens = cut, LearningRate = 1e-3 } }, Token);
}
