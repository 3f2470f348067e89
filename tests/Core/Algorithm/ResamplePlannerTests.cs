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
    [InlineData("n n", true)]
    [InlineData("n N", false)]
    [InlineData("n t", true)]
    [InlineData("n T", true)] // Right with a tool: triggered all the same.
    [InlineData("t", false)]
    public void Without_a_tool_the_trigger_looks_at_the_other_subgroup(string group, bool expected) => ResamplePlanner.IsTriggered(
        [.. group.Split(' ').Select((c, i) => Some.Summary(0, i, char.IsUpper(c[0]) ? Outcome.Correct : Outcome.Wrong, char.ToLowerInvariant(c[0]) == 't' ? [.5] : []))],
        ResampleTrigger.NoTool).ShouldBe(expected);

    [Fact]
    public void Sources_without_a_tool_are_those_that_reached_an_answer_by_the_confidence_of_it()
    {
        RolloutSummary[] group =
        [
            Some.Summary(0, 0, Outcome.Wrong) with { AnswerConfidence = .7 },
            Some.Summary(0, 1, Outcome.Wrong) with { AnswerConfidence = double.NaN },
            Some.Summary(0, 2, Outcome.Wrong) with { AnswerConfidence = .3 },
            Some.Summary(0, 3, Outcome.Void) with { AnswerConfidence = .1 },
            Some.Summary(0, 4, Outcome.Correct, .1),
        ];
        var plan = ResamplePlanner.Plan([group], N, new ResampleOptions { K = 2, BudgetRatio = 1, Trigger = ResampleTrigger.NoTool });
        Picks(plan).ShouldBe([(0, 2, 1), (0, 0, 2)]);
        plan.Selections.Select(s => (s.Boundary, s.Confidence, s.Count)).ShouldBe([(0, .3, 2), (0, .7, 2)]);
    }

    [Fact]
    public void A_random_ranking_goes_by_the_key_inside_and_between_questions()
    {
        RolloutSummary[][] groups = [[Wrong(0, 0, .1), Wrong(0, 1, .2), Wrong(0, 2, .3)], [Wrong(1, 0, .4), Wrong(1, 1, .5)]];
        var options = new ResampleOptions { K = 1, BudgetRatio = 1, Ranking = ResampleRanking.Random };
        double[][] keys = [[5, 1, 3], [4, 0]];
        Picks(ResamplePlanner.Plan(groups, N, options, id => keys[id.Question][id.Rollout])).ShouldBe([(1, 1, 1), (0, 1, 1), (0, 2, 2), (1, 0, 2), (0, 0, 3)]);
        Should.Throw<ArgumentNullException>(() => ResamplePlanner.Plan(groups, N, options));
    }

    [Fact]
    public void Drawn_keys_depend_on_seed_step_question_and_rollout_and_on_nothing_else()
    {
        var keys = RankKeys.Of(7);
        keys(Some.Id(1, 2)).ShouldBe(RankKeys.Of(7)(Some.Id(1, 2) with { Run = "other" }));
        new[] { keys(Some.Id(1, 2)), RankKeys.Of(8)(Some.Id(1, 2)), keys(Some.Id(2, 2)), keys(Some.Id(1, 3)), keys(Some.Id(1, 2) with { Step = 2 }) }.ShouldBeUnique();
        Enumerable.Range(0, 1000).Average(i => keys(Some.Id(i, i % 8))).ShouldBe(.5, .05);
    }

    [Fact]
    public void Fresh_rollouts_take_the_indexes_after_the_group_and_continuations_fork_their_source()
    {
        var configuration = new RunConfiguration { Rollouts = new RolloutOptions { GroupSize = 8 }, Resample = new ResampleOptions { K = 4 } };
        var selection = new ResampleSelection(0, Some.Id(3, 5), 1, .5, 2, 3);
        selection.Continuations(configuration).Select(c => c.ToString()).ShouldBe(["run/train/1/3/5/b1r0", "run/train/1/3/5/b1r1", "run/train/1/3/5/b1r2"]);
        var fresh = configuration with { Resample = configuration.Resample with { Start = ResampleStart.Fresh } };
        selection.Continuations(fresh).Select(c => c.ToString()).ShouldBe(["run/train/1/3/12", "run/train/1/3/13", "run/train/1/3/14"]);
    }

    [Fact]
    public void Whatever_the_options_the_budget_holds_and_the_order_of_rollouts_changes_nothing()
    {
        var rollout = Gen.Select(Gen.Int[0, 2], Gen.Int[0, 3].Array[0, 3]); // Outcome, and the calls' confidences in quarters.
        var options = Gen.Select(
            Gen.Int[1, 5], Gen.Double[0, 2], Gen.Enum<Boundary>(), Gen.Enum<ResampleTrigger>(), Gen.Enum<ResampleRanking>(), Gen.Enum<ResampleStart>(),
            (k, r, b, t, a, s) => new ResampleOptions { K = k, BudgetRatio = r, Boundary = b, Trigger = t, Ranking = a, Start = s });
        Gen.Select(rollout.Array[1, 6].Array[1, 5], options, Gen.Int[0, 1000]).Sample((shapes, o, seed) =>
        {
            RolloutSummary[][] groups = [.. shapes.Select((g, q) => g.Select((r, i) => Some.Summary(q, i, (Outcome)r.Item1, [.. r.Item2.Select(c => c / 4.0)])).ToArray())];
            var key = RankKeys.Of((ulong)seed);
            var plan = ResamplePlanner.Plan(groups, 6, o, key);
            plan.Selections.Sum(s => s.Count).ShouldBeLessThanOrEqualTo((int)((o.BudgetRatio * groups.Length * 6) + 1e-6));
            plan.Selections.ShouldAllBe(s => plan.Triggered[s.Question] && s.Boundary >= 0 && s.Boundary <= groups[s.Question][s.Source.Rollout].CallConfidences.Length);
            var shuffled = ResamplePlanner.Plan([.. groups.Select(g => (IReadOnlyList<RolloutSummary>)[.. g.Reverse()])], 6, o, key);
            shuffled.Selections.ShouldBe(plan.Selections);
        });
    }

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
