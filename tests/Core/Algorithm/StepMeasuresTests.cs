using Shouldly;
using Xunit;

namespace Axpo.Core.Tests.Algorithm;

public sealed class StepMeasuresTests
{
    /// <summary>
    /// Question 0: users wrong, wrong; others right, void. Question 1: user wrong; others wrong. Question 2: user right, wrong; other right. Question 3: no user; wrong. Question 4: void alone.
    /// </summary>
    private static readonly RolloutSummary[][] _groups =
    [
        [User(0, 0, Outcome.Wrong), User(0, 1, Outcome.Wrong), Other(0, 2, Outcome.Correct), Other(0, 3, Outcome.Void)],
        [User(1, 0, Outcome.Wrong), Other(1, 1, Outcome.Wrong)],
        [User(2, 0, Outcome.Correct), User(2, 1, Outcome.Wrong), Other(2, 2, Outcome.Correct)],
        [Other(3, 0, Outcome.Wrong)],
        [User(4, 0, Outcome.Void)],
    ];

    private static readonly ResamplePlan _plan = new([true, true, false, false, false], 3, [Selection(0, 0), Selection(1, 0), Selection(0, 1)]);

    [Fact]
    public void Rates_of_a_step_leave_void_out()
    {
        var row = StepMeasures.Rollouts(_groups, ResamplePlan.None(5), []);
        (row.Questions, row.Rollouts).ShouldBe((5, 11));
        row.Accuracy.ShouldBe(3 / 9.0);
        row.ToolUse.ShouldBe(5 / 9.0);
        row.AccuracyTool.ShouldBe(1 / 5.0);
        row.AccuracyNoTool.ShouldBe(2 / 4.0);
        row.AllWrongToolBefore.ShouldBe(2 / 3.0); // Questions 0 and 1 of 0, 1, 2.
        row.AllWrongNoTool.ShouldBe(2 / 4.0); // Questions 1 and 3 of 0, 1, 2, 3.
        row.VoidShare.ShouldBe(2 / 11.0);
        row.Turns.ShouldBe(14 / 9.0);
        (row.Recovery, row.ExtraTokensPerRecovery, row.ExtraTokens, row.Prefixes).ShouldBe((null, null, 0L, 0));
        row.AllWrongToolAfter.ShouldBe(row.AllWrongToolBefore);
    }

    [Fact]
    public void A_question_is_mended_if_any_of_its_prefixes_recovered()
    {
        RolloutSummary[][] continuations = [Forks(0, 0, "ww"), Forks(1, 0, "ww"), Forks(0, 1, "wc")];
        var row = StepMeasures.Rollouts(_groups, _plan, continuations);
        row.Triggered.ShouldBe(2);
        row.Prefixes.ShouldBe(3);
        row.AllWrongToolBefore.ShouldBe(2 / 3.0);
        row.AllWrongToolAfter.ShouldBe(1 / 3.0);
        row.Recovery.ShouldBe(1 / 3.0);
        row.ExtraTokens.ShouldBe(60);
        row.ExtraTokensPerRecovery.ShouldBe(60);
        row.SampledTokens.ShouldBe(110 + 60);
        row.Rollouts.ShouldBe(11);
        row.Accuracy.ShouldBe(3 / 9.0); // Continuations change no rate of the originals.
        row.VoidShare.ShouldBe(2 / 17.0);
    }

    [Fact]
    public void A_subgroup_is_mended_by_its_own_kind()
    {
        // As fresh rollouts may: right without a tool on question 0, with one on question 1.
        RolloutSummary[][] fresh = [[Other(0, 4, Outcome.Correct)], [User(1, 2, Outcome.Correct)], [Other(0, 5, Outcome.Wrong)]];
        var row = StepMeasures.Rollouts(_groups, _plan, fresh);
        row.Recovery.ShouldBe(2 / 3.0);
        row.ExtraTokensPerRecovery.ShouldBe(30 / 2.0);
        row.AllWrongToolAfter.ShouldBe(1 / 3.0); // Question 0 stays.
        row.AllWrongNoToolAfter.ShouldBe(2 / 4.0);

        row = StepMeasures.Rollouts(_groups, _plan, [[Other(0, 4, Outcome.Wrong)], [Other(1, 2, Outcome.Correct)], []]);
        (row.AllWrongToolAfter, row.AllWrongNoTool, row.AllWrongNoToolAfter).ShouldBe((2 / 3.0, 2 / 4.0, 1 / 4.0));
    }

    [Fact]
    public void Replaced_groups_are_in_the_rates_and_groups_without_spread_are_counted()
    {
        var plain = StepMeasures.Rollouts(_groups, ResamplePlan.None(5), []);
        (plain.Replaced, plain.WithoutSpread).ShouldBe((0, 3)); // Questions 1, 3 and 4.
        var row = StepMeasures.Rollouts([_groups[0], _groups[2]], ResamplePlan.None(2), [], [_groups[1], _groups[3], _groups[4]]);
        (row.Replaced, row.WithoutSpread).ShouldBe((3, 0));
        (row with { Replaced = 0, WithoutSpread = 3 }).ShouldBe(plain);
    }

    [Fact]
    public void Two_recoveries_of_one_question_are_one_mended_group_but_two_prefixes()
    {
        RolloutSummary[][] continuations = [Forks(0, 0, "cw"), Forks(1, 0, "ww"), Forks(0, 1, "cc")];
        var row = StepMeasures.Rollouts(_groups, _plan, continuations);
        row.Recovery.ShouldBe(2 / 3.0);
        row.ExtraTokensPerRecovery.ShouldBe(60);
        row.AllWrongToolAfter.ShouldBe(1 / 3.0);
    }

    [Fact]
    public void A_prefix_whose_continuations_are_all_void_is_neither_recovered_nor_not()
    {
        RolloutSummary[][] continuations = [Forks(0, 0, "vv"), Forks(1, 0, "vc"), Forks(0, 1, "vv")];
        var row = StepMeasures.Rollouts(_groups, _plan, continuations);
        row.Recovery.ShouldBe(1);
        row.AllWrongToolAfter.ShouldBe(1 / 3.0);
        row.VoidShare.ShouldBe(7 / 17.0);
        StepMeasures.Rollouts(_groups, _plan, [Forks(0, 0, "vv"), Forks(1, 0, "vv"), Forks(0, 1, "vv")]).Recovery.ShouldBeNull();
    }

    [Fact]
    public void A_rate_without_a_denominator_is_null()
    {
        var row = StepMeasures.Rollouts([[Other(0, 0, Outcome.Void) with { SampledTokens = 0, MeanEntropy = double.NaN }]], ResamplePlan.None(1), []);
        ((double?[])[row.Accuracy, row.ToolUse, row.AccuracyTool, row.AccuracyNoTool, row.AllWrongToolBefore, row.AllWrongToolAfter, row.AllWrongNoTool, row.Recovery, row.Entropy, row.Turns]).ShouldAllBe(v => v == null);
        row.VoidShare.ShouldBe(1);
        StepMeasures.Rollouts([], ResamplePlan.None(0), []).VoidShare.ShouldBe(0);
    }

    [Fact]
    public void Entropy_is_weighed_by_tokens()
    {
        var row = StepMeasures.Rollouts([[Other(0, 0, Outcome.Wrong) with { SampledTokens = 30, MeanEntropy = 2 }, Other(0, 1, Outcome.Wrong) with { SampledTokens = 10, MeanEntropy = 1 }]], ResamplePlan.None(1), []);
        row.Entropy.ShouldBe(70 / 40.0);
    }

    [Fact]
    public void Pass_rates_are_means_over_questions()
    {
        Question[] questions = [Some.Question("a", "search"), Some.Question("b"), Some.Question("c"), Some.Question("d"), Some.Question("e", "search")];
        var row = StepMeasures.Evaluation(questions, _groups);
        row.PerQuestion.ShouldBe([1 / 3.0, 0, 2 / 3.0, 0, double.NaN]);
        row.Pass1.ShouldBe((1 / 3.0 + 2 / 3.0) / 4);
        row.PassK.ShouldBe(2 / 4.0);
        (row.Questions, row.Samples).ShouldBe((5, 4));
        row.Pass1ByCategory.ShouldBe(new Dictionary<string, double> { ["reasoning"] = (0 + (2 / 3.0) + 0) / 3, ["search"] = 1 / 3.0 }, ignoreOrder: true);
        row.PassKByCategory.ShouldBe(new Dictionary<string, double> { ["reasoning"] = 1 / 3.0, ["search"] = 1 }, ignoreOrder: true);
        row.ToolUse.ShouldBe(5 / 9.0);
        row.AllWrongTool.ShouldBe(2 / 3.0);
        row.AllWrongNoTool.ShouldBe(2 / 4.0);
        row.VoidShare.ShouldBe(2 / 11.0);
        row.Results.Select(r => (r.Id, r.Samples, r.Correct, r.Calls, r.CorrectCalls)).ShouldBe([("a", 3, 1, 2, 0), ("b", 2, 0, 1, 0), ("c", 3, 2, 2, 1), ("d", 1, 0, 0, 0), ("e", 0, 0, 0, 0)]);
        row.Results.Select(r => r.Category).ShouldBe(["search", "reasoning", "reasoning", "reasoning", "search"]);
    }

    [Fact]
    public void Questions_and_groups_must_match() => Should.Throw<ArgumentException>(() => StepMeasures.Evaluation([Some.Question()], _groups));

    private static RolloutSummary User(int question, int rollout, Outcome outcome) => Some.Summary(question, rollout, outcome, .5);

    private static RolloutSummary Other(int question, int rollout, Outcome outcome) => Some.Summary(question, rollout, outcome);

    private static ResampleSelection Selection(int question, int rollout) => new(question, Some.Id(question, rollout), 0, .5, 1, 4);

    private static RolloutSummary[] Forks(int question, int rollout, string outcomes) =>
    [
        .. outcomes.Select((o, k) => User(question, rollout, o switch { 'c' => Outcome.Correct, 'w' => Outcome.Wrong, _ => Outcome.Void }) with { Id = Some.Id(question, rollout).Fork(0, k) }),
    ];
}
