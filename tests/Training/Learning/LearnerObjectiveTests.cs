using Axpo.Core;
using Axpo.Training.Learning;
using Axpo.Training.Objectives;
using CsCheck;
using Shouldly;
using TorchSharp;
using Xunit;
using static TorchSharp.torch;

namespace Axpo.Training.Tests.Learning;

/// <summary>What holds on the learner for every policy loss with every aggregation, whatever else is on; gradients are taken at other weights than the generating ones, so that ratios and divergences are not trivial.</summary>
public sealed class LearnerObjectiveTests : IClassFixture<LearnerObjectiveTests.Models>
{
    private readonly Models _models;

    public LearnerObjectiveTests(Models models) => _models = models;

    public static TheoryData<string, LossAggregation> Objectives
    {
        get
        {
            var data = new TheoryData<string, LossAggregation>();
            foreach (var loss in PolicyLosses.Names)
            {
                foreach (var aggregation in Enum.GetValues<LossAggregation>())
                {
                    data.Add(loss, aggregation);
                }
            }

            return data;
        }
    }

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    private static Gen<ObjectiveOptions> Options { get; } =
        from dual in Gen.Bool
        from kl in Gen.Enum<KlEstimator>()
        from times in Gen.Bool
        from straight in Gen.Bool
        from entropy in Gen.Bool
        from mask in Gen.Bool
        from denominator in Gen.Enum<LossDenominator>()
        from level in Gen.Enum<CorrectionLevel>()
        from mode in Gen.Enum<CorrectionMode>()
        from normalise in Gen.Bool
        from statistic in Gen.Enum<RejectionStatistic>()
        from rejects in Gen.Enum<RejectionLevel>()
        from leaves in Gen.Bool
        select new ObjectiveOptions
        {
            DualClip = dual ? 1.1 : 0,
            KlWeight = .1,
            Kl = kl,
            KlTimesRatio = times,
            KlStraightThrough = straight,
            EntropyWeight = entropy ? .05 : 0,
            OffPolicyMask = mask,
            Denominator = denominator,
            Correction = new CorrectionOptions { Level = level, Mode = mode, High = 1.6, Normalise = normalise },
            Rejection = new RejectionOptions { Statistic = statistic, Level = rejects, High = statistic == RejectionStatistic.K1 ? 2 : .4, LeavesDenominators = leaves },
        };

    [Theory]
    [MemberData(nameof(Objectives))]
    public async Task No_cut_and_no_order_changes_the_gradient(string loss, LossAggregation aggregation)
    {
        // A ratio within float rounding of a bound would fall on either side of it: the draws are the same every time.
        for (var draw = 0U; draw < 2; draw++)
        {
            var seed = new PCG((2 * (uint)aggregation) + draw, (ulong)PolicyLosses.Names.ToList().IndexOf(loss)).ToString();
            await Gen.Select(Options, Gen.ULong, Gen.Int[64, 200], Gen.ULong).SampleAsync(Check, seed: seed, iter: 1, threads: 1);
        }

        async Task Check(ObjectiveOptions options, ulong seed, int cut, ulong shuffle)
        {
            var objective = options with { Loss = loss, Aggregation = aggregation, ClipLow = Low(loss), ClipHigh = 1.5 * Low(loss) };
            var batch = Batch(seed);
            var chance = ChanceKey.Root(shuffle).Stream();
            var shuffled = batch with { Sequences = [.. batch.Sequences.Select(s => (Key: chance.NextDouble(), Sequence: s)).OrderBy(p => p.Key).Select(p => p.Sequence)] };
            using var whole = new GradientSet(await GradientsAsync(objective, batch));
            using var pieces = new GradientSet(await GradientsAsync(objective, shuffled, cut));
            pieces.Loss.ShouldBe(whole.Loss, 1e-5 * Math.Max(1, Math.Abs(whole.Loss)));
            foreach (var (name, want) in whole.Of)
            {
                (pieces.Of[name] - want).norm().ToDouble().ShouldBeLessThanOrEqualTo(1e-5 * want.norm().ToDouble(), name);
            }
        }
    }

    [Theory]
    [MemberData(nameof(Objectives))]
    public async Task What_stands_in_masked_slots_changes_nothing_and_a_masked_batch_is_zero(string loss, LossAggregation aggregation)
    {
        var objective = new ObjectiveOptions
        {
            Loss = loss,
            Aggregation = aggregation,
            KlWeight = .1,
            EntropyWeight = .05,
            OffPolicyMask = true,
            Correction = new CorrectionOptions { Level = CorrectionLevel.Sequence, Normalise = true },
            Rejection = new RejectionOptions { Statistic = RejectionStatistic.K3, Level = RejectionLevel.SequenceMean },
        };
        var batch = Batch(7);
        var poisoned = batch with
        {
            Sequences = [.. batch.Sequences.Select(s => Copy(s, s.IsLoss, [.. s.Advantages.Select((a, t) => s.IsLoss[t] ? a : double.NaN)], [.. s.BehaviorLogProbs.Select((b, t) => s.IsLoss[t] ? b : float.NaN)]))],
        };
        var masked = batch with { Sequences = [.. batch.Sequences.Select(s => Copy(s, new bool[s.Tokens.Length], s.Advantages, s.BehaviorLogProbs))] };
        using var want = new GradientSet(await GradientsAsync(objective, batch));
        using var got = new GradientSet(await GradientsAsync(objective, poisoned));
        double.IsFinite(want.Loss).ShouldBeTrue();
        got.Loss.ShouldBe(want.Loss);
        want.Of.Select(w => (w.Key, Difference: Fixtures.Difference(got.Of[w.Key], w.Value), Largest: w.Value.abs().max().ToDouble())).Where(d => d.Difference != 0).ShouldBeEmpty();

        using var none = new GradientSet(await GradientsAsync(objective, masked));
        none.Loss.ShouldBe(0);
        none.Of.Values.ShouldAllBe(g => g.count_nonzero().ToInt64() == 0);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_batch_that_is_rejected_altogether_is_zero(bool leaves)
    {
        var objective = new ObjectiveOptions
        {
            KlWeight = leaves ? .1 : 0,
            Rejection = new RejectionOptions { Statistic = RejectionStatistic.K2, High = 0, LeavesDenominators = leaves },
        };
        using var none = new GradientSet(await GradientsAsync(objective, Batch(8)));
        none.Loss.ShouldBe(0);
        none.Of.Values.ShouldAllBe(g => g.count_nonzero().ToInt64() == 0);
    }

    [Fact]
    public async Task Rejection_from_the_policy_loss_only_leaves_divergence_and_denominators()
    {
        var objective = new ObjectiveOptions { KlWeight = .1, Rejection = new RejectionOptions { Statistic = RejectionStatistic.K2, High = 0, LeavesDenominators = false } };
        var batch = Batch(9);
        var flat = batch with { Sequences = [.. batch.Sequences.Select(s => Copy(s, s.IsLoss, new double[s.Tokens.Length], s.BehaviorLogProbs))] };
        using var rejected = new GradientSet(await GradientsAsync(objective, batch));
        using var divergence = new GradientSet(await GradientsAsync(objective with { Rejection = new RejectionOptions() }, flat));
        rejected.Loss.ShouldBe(divergence.Loss, 1e-7);
        rejected.Loss.ShouldBeGreaterThan(0);
    }

    [Fact]
    public async Task A_batch_with_tokens_rejected_is_the_batch_without_them()
    {
        var objective = new ObjectiveOptions { Aggregation = LossAggregation.SeqMeanTokenMean, Denominator = LossDenominator.Valid, Rejection = new RejectionOptions { Statistic = RejectionStatistic.K2, High = .3 } };
        double[] mismatch = [0, 2];
        var batch = Batches.Random(_models.Policy.Tokenizer.Size, 4, 2, 10, mismatch: mismatch);
        var near = (float)-Math.Log(_models.Policy.Tokenizer.Size);
        var without = batch with
        {
            Sequences = [.. batch.Sequences.Select(s => Copy(s, [.. s.IsLoss.Select((l, t) => l && Math.Abs(s.BehaviorLogProbs[t] - near) < 1)], s.Advantages, s.BehaviorLogProbs))],
        };
        using var want = new GradientSet(await GradientsAsync(objective with { Rejection = new RejectionOptions() }, without));
        using var got = new GradientSet(await GradientsAsync(objective, batch));
        got.Loss.ShouldBe(want.Loss, 1e-7);
        foreach (var (name, gradient) in want.Of)
        {
            (got.Of[name] - gradient).norm().ToDouble().ShouldBeLessThanOrEqualTo(1e-5 * gradient.norm().ToDouble(), name);
        }
    }

    [Theory]
    [MemberData(nameof(Objectives))]
    public async Task Each_minibatch_divides_by_what_it_holds_itself(string loss, LossAggregation aggregation)
    {
        var objective = new ObjectiveOptions { Loss = loss, Aggregation = aggregation, KlWeight = .1, Denominator = LossDenominator.Valid };
        var batch = Batch(11);
        using var learner = await StartAsync(objective, new LearnerOptions { Threads = 1, LearningRate = 0, Minibatches = 2, GradientClip = 0 });
        List<GradientSet> halves = [];
        try
        {
            foreach (var half in new[] { 0, 1 })
            {
                var own = batch with
                {
                    Questions = batch.Questions / 2,
                    Sequences = [.. batch.Sequences.Where(s => s.Question / (batch.Questions / 2) == half).Select(s => Copy(s, s.IsLoss, s.Advantages, s.BehaviorLogProbs, weight: s.Weight * 2))],
                };
                halves.Add(new GradientSet(await learner.GradientsAsync(own, null, Token)));
            }

            var result = await learner.UpdateAsync(batch, Token);
            var want = halves.Average(h => h.Loss);
            result.Loss.ShouldBe(want, 1e-5 * Math.Max(1, Math.Abs(want)));
            result.GradientNorm.ShouldBe(halves.Average(h => Math.Sqrt(h.Of.Values.Sum(g => g.square().sum().ToDouble()))), 1e-4 * result.GradientNorm);
        }
        finally
        {
            halves.ForEach(h => h.Dispose());
        }
    }

    [Theory]
    [InlineData("ppo")]
    [InlineData("gspo")]
    [InlineData("cispo")]
    public async Task At_the_weights_of_these_tests_clips_hold(string loss)
    {
        var clipped = new ObjectiveOptions { Loss = loss, ClipLow = Low(loss), ClipHigh = 1.5 * Low(loss) };
        using var some = new GradientSet(await GradientsAsync(clipped, Batch(15)));
        using var free = new GradientSet(await GradientsAsync(clipped with { ClipLow = 1, ClipHigh = 1000 }, Batch(15)));
        some.Of.ShouldAllBe(p => (p.Value - free.Of[p.Key]).norm().ToDouble() > 1e-3 * free.Of[p.Key].norm().ToDouble());
    }

    [Fact]
    public async Task An_update_reports_clips_correction_and_rejection()
    {
        var objective = new ObjectiveOptions
        {
            ClipLow = 1e-4,
            ClipHigh = 1e-4,
            DualClip = 1.0001,
            OffPolicyMask = true,
            OffPolicyThreshold = -10,
            Correction = new CorrectionOptions { Level = CorrectionLevel.Token, High = 1.5 },
            Rejection = new RejectionOptions { Statistic = RejectionStatistic.K2, High = .3 },
        };
        using var learner = await StartAsync(objective, new LearnerOptions { Threads = 1, LearningRate = 1e-2 });
        var batch = Batch(12);
        var result = await learner.UpdateAsync(batch, Token);
        result.ClipFraction.ShouldBe(result.ClipFractionLow + result.ClipFractionHigh, 1e-12);
        result.ClipFractionLow.ShouldBeGreaterThan(0);
        result.ClipFractionHigh.ShouldBeGreaterThan(0);
        result.DualClipFraction.ShouldBeGreaterThan(0);
        result.CorrectionMax.ShouldBe(1.5);
        result.CorrectionMean.ShouldBeInRange(.1, 1.5);
        result.CorrectionOutside.ShouldBeInRange(.01, .99);
        result.RejectedTokens.ShouldBeInRange(.01, .99);
        result.RejectedSequences.ShouldBeGreaterThan(result.RejectedTokens);
        result.LossTokens.ShouldBe((int)Math.Round((1 - result.RejectedTokens) * batch.Sequences.Sum(s => s.IsLoss.Count(l => l))));
        result.OffPolicyShare.ShouldBeGreaterThan(0);
        result.AdvantageMagnitude.ShouldBeInRange(.1, 2);
    }

    [Fact]
    public async Task The_entropy_bonus_raises_the_entropy()
    {
        var batch = Batch(13);
        var flat = batch with { Sequences = [.. batch.Sequences.Select(s => Copy(s, s.IsLoss, new double[s.Tokens.Length], s.BehaviorLogProbs))] };
        using var learner = await StartAsync(new ObjectiveOptions { KlWeight = 0, EntropyWeight = .1 }, new LearnerOptions { Threads = 1, LearningRate = 1e-3, Minibatches = 1 });
        var first = await learner.UpdateAsync(flat, Token);
        var second = await learner.UpdateAsync(flat with { Id = "c", Step = 2 }, Token);
        first.Loss.ShouldBe(-.1 * first.Entropy, 1e-2); // the bonus is a mean over sequences, the entropy one over tokens
        second.Entropy.ShouldBeGreaterThan(first.Entropy);
    }

    [Fact]
    public async Task A_sampled_token_without_log_prob_of_the_engine_counts_as_ratio_one()
    {
        var objective = new ObjectiveOptions { Correction = new CorrectionOptions { Level = CorrectionLevel.Token }, Rejection = new RejectionOptions { Statistic = RejectionStatistic.K3, High = .1 }, OffPolicyMask = true };
        var batch = Batch(14);
        var unknown = batch with { Sequences = [.. batch.Sequences.Select(s => Copy(s, s.IsLoss, s.Advantages, [.. s.BehaviorLogProbs.Select(_ => float.NaN)]))] };
        using var learner = await StartAsync(objective, new LearnerOptions { Threads = 1, LearningRate = 0 });
        var result = await learner.UpdateAsync(unknown, Token);
        (result.MismatchK3, result.MismatchMax, result.CorrectionMean, result.RejectedTokens).ShouldBe((0, 0, 1, 0));
    }

    [Fact]
    public async Task A_loss_that_nobody_knows_is_refused_by_name() =>
        (await Should.ThrowAsync<ArgumentException>(() => StartAsync(new ObjectiveOptions { Loss = "gppo" }, new LearnerOptions()))).Message.ShouldStartWith("objective.loss = 'gppo': unknown");

    /// <summary>A clip that some of the ratios of these tests pass, and some do not.</summary>
    private static double Low(string loss) => loss == "gspo" ? .002 : .05;

    private static TrainSequence Copy(TrainSequence s, bool[] isLoss, double[] advantages, float[] behaviour, double? weight = null) => new()
    {
        Id = s.Id,
        Question = s.Question,
        Tokens = s.Tokens,
        IsLoss = isLoss,
        Weight = weight ?? s.Weight,
        Advantages = advantages,
        BehaviorLogProbs = behaviour,
    };

    private UpdateBatch Batch(ulong seed) => Batches.Random(_models.Policy.Tokenizer.Size, 4, 2, seed, mismatch: [-1.2, -.2, .2, 1.2]);

    private async Task<(double Loss, Dictionary<string, Tensor> Gradients)> GradientsAsync(ObjectiveOptions objective, UpdateBatch batch, int cut = 100_000)
    {
        using var learner = await StartAsync(objective, new LearnerOptions { Threads = 1, MicroBatchTokens = cut });
        return await learner.GradientsAsync(batch, _models.Moved.Folder, Token);
    }

    private Task<Learner> StartAsync(ObjectiveOptions objective, LearnerOptions options) =>
        Learner.StartAsync(_models.Policy.Folder, new RunConfiguration { Objective = objective, Learner = options }, Token);

    /// <summary>A policy, and the same shape with other weights.</summary>
    public sealed class Models : IDisposable
    {
        public TinyModel Policy { get; } = new(32, 2, seed: 1);

        public TinyModel Moved { get; } = new(32, 2, seed: 2);

        public void Dispose()
        {
            Policy.Dispose();
            Moved.Dispose();
        }
    }
}
