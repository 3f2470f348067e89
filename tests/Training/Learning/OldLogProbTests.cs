using Axpo.Core;
using Axpo.Training.Learning;
using Shouldly;
using Xunit;

namespace Axpo.Training.Tests.Learning;

/// <summary>Log-probs under the generating weights come from the training pass until a step is taken; a pass of their own, which a rejection that rejects nothing asks for, says the same.</summary>
public sealed class OldLogProbTests(TinyModel model) : IClassFixture<TinyModel>
{
    private static readonly RejectionOptions KeepsAll = new() { Statistic = RejectionStatistic.K2, High = 1e9 };

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(1, 0)]
    [InlineData(2, .5)]
    [InlineData(4, .75)]
    public async Task Only_what_comes_after_the_first_step_has_a_pass_of_its_own(int minibatches, double share)
    {
        var batch = Batch();
        using var learner = await Start(new ObjectiveOptions(), minibatches);
        await learner.UpdateAsync(batch, Token);
        var later = batch.Sequences.Where(s => s.Question >= batch.Questions * (1 - share)).Sum(s => s.Tokens.Length);
        learner.OldPassTokens.ShouldBe(later);

        using var rejecting = await Start(new ObjectiveOptions { Rejection = KeepsAll }, minibatches);
        await rejecting.UpdateAsync(batch, Token);
        rejecting.OldPassTokens.ShouldBe(batch.Sequences.Sum(s => s.Tokens.Length));
    }

    [Fact]
    public async Task A_first_minibatch_without_loss_tokens_takes_no_step()
    {
        var batch = Batch();
        var half = batch with { Sequences = [.. batch.Sequences.Where(s => s.Question >= batch.Questions / 2)] };
        using var learner = await Start(new ObjectiveOptions(), 2);
        (await learner.UpdateAsync(half, Token)).MismatchMean.ShouldBeGreaterThan(0);
        learner.OldPassTokens.ShouldBe(0);
    }

    [Theory]
    [InlineData("ppo", 0)]
    [InlineData("gspo", .01)]
    [InlineData("cispo", .01)]
    [InlineData("policy-gradient", 0)]
    public async Task Loss_gradients_and_metrics_are_those_of_a_pass_of_its_own(string loss, double entropy)
    {
        var objective = new ObjectiveOptions { Loss = loss, EntropyWeight = entropy, KlWeight = .1, OffPolicyMask = true, OffPolicyThreshold = -10 };
        using (var learner = await Start(objective, 1, cut: 128))
        {
            using var own = new GradientSet(await learner.GradientsAsync(Batch(), model.Folder, Token));
            using var taken = new GradientSet(await learner.GradientsAsync(Batch(), null, Token));
            taken.Loss.ShouldBe(own.Loss, 1e-6 * Math.Max(1, Math.Abs(own.Loss)));
            taken.FarthestFrom(own).ShouldBeLessThanOrEqualTo(1e-5);
        }

        foreach (var minibatches in new[] { 1, 2, 3 })
        {
            using var plain = await Start(objective, minibatches, cut: 128);
            using var before = await Start(objective with { Rejection = KeepsAll }, minibatches, cut: 128);
            var (got, want) = (await plain.UpdateAsync(Batch(), Token), await before.UpdateAsync(Batch(), Token));
            got.MismatchMax.ShouldBeGreaterThan(.1);
            foreach (var property in typeof(UpdateResult).GetProperties())
            {
                var (a, b) = (Convert.ToDouble(property.GetValue(got), null), Convert.ToDouble(property.GetValue(want), null));
                a.ShouldBe(b, 2e-5 * Math.Max(1, Math.Abs(b)), property.Name);
            }
        }
    }

    [Fact]
    public async Task Mismatch_is_measured_on_the_ratios()
    {
        using var learner = await Start(new ObjectiveOptions(), 1, rate: 0);
        var policy = await LogProbs.OfAsync(model, Batch());
        var mismatched = Batch() with
        {
            Sequences = [.. Batch().Sequences.Select((s, i) => new TrainSequence
            {
                Id = s.Id, Question = s.Question, Tokens = s.Tokens, IsLoss = s.IsLoss, Weight = s.Weight, Advantages = s.Advantages,
                BehaviorLogProbs = [.. policy[i].Select((l, t) => (float)(l - Math.Log(t % 2 == 0 ? 1.2 : .95)))],
            })],
        };
        var even = mismatched.Sequences.Sum(s => s.IsLoss.Where((l, t) => l && t % 2 == 0).Count());
        var odd = mismatched.Sequences.Sum(s => s.IsLoss.Where((l, t) => l && t % 2 == 1).Count());
        var result = await learner.UpdateAsync(mismatched, Token);
        result.MismatchMean.ShouldBe(((even * .2) + (odd * .05)) / (even + odd), 1e-5);
        result.MismatchOutside.ShouldBe(even / (double)(even + odd), 1e-9);
        result.MismatchMax.ShouldBe(.2, 1e-4);
        result.MismatchK3.ShouldBe(((even * (.2 - Math.Log(1.2))) + (odd * (-.05 - Math.Log(.95)))) / (even + odd), 1e-5);
    }

    private UpdateBatch Batch() => Batches.Random(model.Tokenizer.Size, 4, 3, 31, mismatch: [-.3, 0, .3]);

    private Task<Learner> Start(ObjectiveOptions objective, int minibatches, int cut = 100_000, double rate = 1e-3) => Learner.StartAsync(
        model.Folder,
        new RunConfiguration { Objective = objective, Learner = new LearnerOptions { Threads = 1, Minibatches = minibatches, MicroBatchTokens = cut, LearningRate = rate } },
        Token);
}
