using Axpo.Core;
using Axpo.Training.Learning;
using Shouldly;
using Xunit;

namespace Axpo.Training.Tests.Learning;

public sealed class ScheduleTests(TinyModel model) : IClassFixture<TinyModel>
{
    private static readonly LearnerOptions Falling = new() { Threads = 1, LearningRate = 1e-3, Schedule = RateShape.Cosine, WarmUp = 3, FinalShare = .1 };

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Every_optimizer_step_takes_the_next_rate_and_the_result_says_the_last()
    {
        using var learner = await Start(Falling with { Schedule = RateShape.Linear, FinalShare = 0 });
        List<double> rates = [];
        for (var step = 1; step <= 5; step++)
        {
            rates.Add((await learner.UpdateAsync(Batch(step), Token)).LearningRate);
        }

        // 5 steps of 2 minibatches: optimizer steps 0..9, of which 3 warm up and 7 fall along a line that would reach 0 at step 10.
        double[] want = [2.0 / 3, 1, 5.0 / 7, 3.0 / 7, 1.0 / 7];
        rates.Zip(want).ShouldAllBe(p => Math.Abs(p.First - (1e-3 * p.Second)) < 1e-12);
    }

    [Fact]
    public async Task The_rate_is_what_moves_the_weights()
    {
        using var flat = await Start(Falling with { Schedule = RateShape.Constant, WarmUp = 0 });
        using var same = await Start(Falling with { Schedule = RateShape.Constant, WarmUp = 0 });
        using var falling = await Start(Falling);
        foreach (var learner in new[] { flat, same, falling })
        {
            await learner.UpdateAsync(Batch(1), Token);
        }

        var want = (await flat.SaveAsync(model.Scratch("flat"), Token)).Sha256;
        (await same.SaveAsync(model.Scratch("same"), Token)).Sha256.ShouldBe(want);
        (await falling.SaveAsync(model.Scratch("falling"), Token)).Sha256.ShouldNotBe(want);
    }

    [Fact]
    public async Task A_resumed_learner_goes_on_at_the_same_rate_bit_for_bit()
    {
        using var straight = await Start(Falling);
        for (var step = 1; step <= 5; step++)
        {
            await straight.UpdateAsync(Batch(step), Token);
        }

        using var first = await Start(Falling);
        for (var step = 1; step <= 2; step++)
        {
            await first.UpdateAsync(Batch(step), Token);
        }

        await first.SaveAsync(model.Scratch("schedule-2"), Token);
        using var second = await Start(Falling);
        await second.LoadAsync(model.Scratch("schedule-2"), Token);
        for (var step = 3; step <= 5; step++)
        {
            await second.UpdateAsync(Batch(step), Token);
        }

        (await second.SaveAsync(model.Scratch("schedule-resumed"), Token)).Sha256.ShouldBe((await straight.SaveAsync(model.Scratch("schedule-straight"), Token)).Sha256);
    }

    private UpdateBatch Batch(int step) => Batches.Random(model.Tokenizer.Size, 4, 2, (ulong)step, $"b{step}", step);

    private Task<Learner> Start(LearnerOptions options) => Learner.StartAsync(model.Folder, new RunConfiguration { Steps = 5, Learner = options }, Token);
}
