using Axpo.Core;
using Axpo.Grains.Abstractions;
using Axpo.Silo.Reports;
using Axpo.Silo.Runs;
using Shouldly;
using Xunit;

namespace Axpo.Silo.Tests.Reports;

public sealed class RunSummaryTests
{
    private static readonly RunManifest Manifest = new()
    {
        Name = "r",
        Kind = RunKind.Train,
        Created = DateTimeOffset.UnixEpoch,
        ModelSha256 = "",
        Configuration = new RunConfiguration(),
    };

    [Fact]
    public void The_gain_pairs_the_questions_that_both_evaluations_asked()
    {
        var summary = RunSummary.Of(Manifest, [Row(0, Evaluation(0, .5, 1, 1)), Row(10, Evaluation(1, .5))]);
        var gain = summary.Gain.ShouldNotBeNull();
        gain.Questions.ShouldBe(2);
        gain.Before.ShouldBe(.25);
        gain.After.ShouldBe(.75);
        gain.Mean.ShouldBe(.5);
        gain.Low.ShouldBe(0);
        gain.High.ShouldBe(1);
    }

    [Fact]
    public void One_evaluation_has_no_gain_and_no_after()
    {
        var summary = RunSummary.Of(Manifest, [Row(0, Evaluation(1, 0))]);
        summary.Gain.ShouldBeNull();
        summary.Pass1.ShouldBe(new BeforeAfter(.5, null));
        summary.Recovery.ShouldBeNull();
        summary.TokensPerSecond.ShouldBeNull();
    }

    [Fact]
    public void Recovery_weighs_prefixes_and_all_wrong_skips_steps_without_tool_groups()
    {
        RolloutMetrics Train(int prefixes, double? recovery, double? before, double? after) => new()
        {
            Questions = 2,
            Rollouts = 16,
            Prefixes = prefixes,
            Recovery = recovery,
            AllWrongToolBefore = before,
            AllWrongToolAfter = after,
            SampledTokens = 100,
        };
        var timing = new TimingMetrics { Rollout = 1, Resample = 1, Step = 3 };
        var summary = RunSummary.Of(Manifest,
        [
            new MetricsRow { Step = 1, Train = Train(3, 1, .5, .25), Timing = timing },
            new MetricsRow { Step = 2, Train = Train(0, null, null, null), Timing = timing },
            new MetricsRow { Step = 3, Train = Train(1, 0, .3, .05), Timing = timing },
        ]);
        summary.Prefixes.ShouldBe(4);
        summary.Recovery.ShouldBe(.75);
        summary.AllWrongTool.Before!.Value.ShouldBe(.4, 1e-12);
        summary.AllWrongTool.After!.Value.ShouldBe(.15, 1e-12);
        summary.Episodes.ShouldBe(48 + (4 * 4));
        summary.TokensPerSecond.ShouldBe(50);
        summary.Seconds.ShouldBe(9);
    }

    private static MetricsRow Row(int step, EvaluationMetrics eval) => new() { Step = step, Eval = eval };

    private static EvaluationMetrics Evaluation(params double[] perQuestion) => new()
    {
        Questions = perQuestion.Length,
        Samples = 4,
        Pass1 = perQuestion.Average(),
        PerQuestion = perQuestion,
    };
}
