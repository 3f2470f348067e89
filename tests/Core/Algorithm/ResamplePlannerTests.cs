using CsCheck;
using Shouldly;
using Xunit;

namespace Axpo.Core.Tests.Algorithm;

public sealed class ResamplePlannerTests
{
    private const int N = 8;

    [Theory]
    [InlineData("", false)]
    [InlineData("n n", false)]
    [InlineData("t", true)]
    [InlineData("t t n", true)]
    [InlineData("t N", true)] // Right without a tool: triggered all the same.
    [InlineData("t T", false)]
    [InlineData("T", false)]
    [InlineData("v", false)] // Void alone: the subgroup is empty.
    [InlineData("t v", true)]
    public void A_question_is_triggered_if_its_tool_users_are_all_wrong(string group, bool expected) =>
        ResamplePlanner.IsTriggered([.. group.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select((c, i) => c switch
        {
            "t" => Some.Summary(0, i, Outcome.Wrong, .5),
            "T" => Some.Summary(0, i, Outcome.Correct, .5),
            "n" => Some.Summary(0, i, Outcome.Wrong),
            "N" => Some.Summary(0, i, Outcome.Correct),
            _ => Some.Summary(0, i, Outcome.Void, .5),
        })]).ShouldBe(expected);

    [Theory]
    [InlineData(16, 8, 4, .25, 8)]
    [InlineData(3, 8, 4, .25, 1)] // 1.5: whole prefixes only.
    [InlineData(1, 8, 4, .25, 0)]
    [InlineData(100, 1, 1, .29, 29)] // .29 * 100 is 28.999999999999996.
    [InlineData(16, 8, 4, 0, 0)]
    [InlineData(2, 8, 3, 1, 5)]
    public void The_budget_is_in_whole_prefixes(int questions, int groupSize, int k, double ratio, int expected) =>
        ResamplePlanner.Budget(questions, groupSize, new ResampleOptions { K = k, BudgetRatio = ratio }).ShouldBe(expected);

    [Fact]
    public void Sources_of_a_question_come_by_ascending_confidence_then_rollout()
    {
        RolloutSummary[] group = [Wrong(0, 0, .7), Wrong(0, 1, .2), Some.Summary(0, 2, Outcome.Correct), Wrong(0, 3, .7), Wrong(0, 4, .1)];
        Picks(Plan(4, group)).ShouldBe([(0, 4, 1), (0, 1, 2), (0, 0, 3), (0, 3, 4)]);
    }

    [Fact]
    public void Every_triggered_question_gets_its_first_before_any_gets_its_second()
    {
        RolloutSummary[][] groups = [[Wrong(0, 0, .1), Wrong(0, 1, .2), Wrong(0, 2, .3)], [Wrong(1, 0, .9), Wrong(1, 1, .95)], [Some.Summary(2, 0, Outcome.Correct, .01), Wrong(2, 1, .02)]];
        Picks(Plan(2, groups)).ShouldBe([(0, 0, 1), (1, 0, 1)]);
        Picks(Plan(4, groups)).ShouldBe([(0, 0, 1), (1, 0, 1), (0, 1, 2), (1, 1, 2)]);
        Picks(Plan(50, groups)).ShouldBe([(0, 0, 1), (1, 0, 1), (0, 1, 2), (1, 1, 2), (0, 2, 3)]);
        Plan(2, groups).Triggered.ShouldBe([true, true, false]);
    }

    [Fact]
    public void Inside_a_round_the_least_confident_question_comes_first_and_ties_go_by_question()
    {
        RolloutSummary[][] groups = [[Wrong(0, 0, .5)], [Wrong(1, 0, .3)], [Wrong(2, 0, .3)], [Wrong(3, 0, .1)]];
        var plan = Plan(3, groups);
        Picks(plan).ShouldBe([(3, 0, 1), (1, 0, 1), (2, 0, 1)]);
        plan.Selections.Select(s => s.Confidence).ShouldBe([.1, .3, .3]);
        plan.Budget.ShouldBe(3);
    }

    [Fact]
    public void A_void_rollout_is_no_source_but_counts_in_the_budget()
    {
        RolloutSummary[] group = [Some.Summary(0, 0, Outcome.Void, .01), Wrong(0, 1, .9), .. Enumerable.Range(2, 6).Select(i => Some.Summary(0, i, Outcome.Void))];
        var plan = ResamplePlanner.Plan([group], N, new ResampleOptions { K = 4, BudgetRatio = 1 });
        plan.Budget.ShouldBe(2);
        Picks(plan).ShouldBe([(0, 1, 1)]);
    }

    [Theory]
    [InlineData(Boundary.First, 0, .6)]
    [InlineData(Boundary.LeastConfident, 1, .2)] // The first of two that tie.
    [InlineData(Boundary.LastBeforeFailure, 3, .4)]
    public void The_boundary_chooses_the_call_and_with_it_the_confidence(Boundary boundary, int call, double confidence)
    {
        var selection = ResamplePlanner.Plan([[Wrong(0, 0, .6, .2, .2, .4)]], N, new ResampleOptions { K = 4, BudgetRatio = 1, Boundary = boundary }).Selections.ShouldHaveSingleItem();
        (selection.Boundary, selection.Confidence).ShouldBe((call, confidence));
    }

    [Fact]
    public void A_boundary_that_does_not_exist_is_refused() =>
        Should.Throw<ArgumentOutOfRangeException>(() => ResamplePlanner.Plan([[Wrong(0, 0, .6)]], N, new ResampleOptions { BudgetRatio = 1, Boundary = (Boundary)9 })).Message.ShouldContain("resample.boundary");

    [Fact]
    public void Grpo_resamples_nothing_but_still_says_what_would_be_triggered()
    {
        RolloutSummary[][] groups = [[Wrong(0, 0, .5), Some.Summary(0, 1, Outcome.Correct)], [Some.Summary(1, 0, Outcome.Correct, .5)]];
        var options = new ResampleOptions { BudgetRatio = 1 };
        var plan = ResamplePlanner.Plan(groups, N, options with { Enabled = false });
        (plan.Budget, plan.Selections.Length).ShouldBe((0, 0));
        plan.Triggered.ShouldBe([true, false]);
        ResamplePlanner.Plan(groups, N, options).Selections.Length.ShouldBe(1);
    }

    [Fact]
    public void Any_plan_keeps_the_rules()
    {
        var rollout = Gen.Select(Gen.Int[0, 2], Gen.Int[0, 4]); // Outcome, and confidence in fifths: many ties; 0 is no call.
        Gen.Select(rollout.Array[1, 6].Array[1, 6], Gen.Int[0, 12]).Sample((shapes, budget) =>
        {
            RolloutSummary[][] groups = [.. shapes.Select((g, q) => g.Select((r, i) => Some.Summary(q, i, (Outcome)r.Item1, r.Item2 == 0 ? [] : [r.Item2 / 5.0])).ToArray())];
            var plan = Plan(budget, groups);
            var sources = groups.Select((g, q) => plan.Triggered[q] ? g.Count(r => r.IsToolUsing && r.Outcome == Outcome.Wrong) : 0).ToArray();
            plan.Selections.Length.ShouldBe(Math.Min(budget, sources.Sum()));
            plan.Selections.Select(s => s.Source).ShouldBeUnique();
            plan.Selections.ShouldAllBe(s => groups[s.Question][s.Source.Rollout].Outcome == Outcome.Wrong && plan.Triggered[s.Question]);
            plan.Selections.Select(s => (s.Round, s.Confidence, s.Question)).ShouldBeInOrder();
            for (var round = 1; round < plan.Selections.Select(s => s.Round).DefaultIfEmpty().Max(); round++)
            {
                plan.Selections.Count(s => s.Round == round).ShouldBe(sources.Count(s => s >= round));
            }

            foreach (var question in plan.Selections.GroupBy(s => s.Question))
            {
                question.Select(s => (s.Confidence, s.Source.Rollout)).ShouldBeInOrder();
                question.Select(s => s.Round).ShouldBe(Enumerable.Range(1, question.Count()));
            }
        });
    }

    private static RolloutSummary Wrong(int question, int rollout, params double[] confidences) => Some.Summary(question, rollout, Outcome.Wrong, confidences);

    private static ResamplePlan Plan(int budget, params RolloutSummary[][] groups) =>
        ResamplePlanner.Plan(groups, N, new ResampleOptions { K = 4, BudgetRatio = budget * 4.0 / (groups.Length * N) });

    private static (int Question, int Rollout, int Round)[] Picks(ResamplePlan plan) => [.. plan.Selections.Select(s => (s.Question, s.Source.Rollout, s.Round))];
}
