using CsCheck;
using Shouldly;
using Xunit;

namespace Axpo.Core.Tests.Algorithm;

public sealed class AdvantageAssignerTests
{
    private const int PrefixEnd = 6;
    private const int K = 4;
    private static readonly RunConfiguration _exact = new() { Objective = new ObjectiveOptions { Epsilon = 0 } };

    [Fact]
    public void All_wrong_and_recovered()
    {
        var group = Group(0, tool: "wwwwwwww", noTool: "");
        var batch = Assign([group], [(0, 2)], ["cwww"]);

        Advantage(batch, group[2]!.Id).ShouldBe(2.4749, 1e-4);
        group.Where((_, i) => i != 2).ShouldAllBe(r => Advantage(batch, r!.Id) == 0);
        Continuations(batch, group[2]!.Id).ShouldBe([1.5, -.5, -.5, -.5], 1e-9);
    }

    [Fact]
    public void Three_right_without_a_tool_and_recovered()
    {
        var group = Group(0, tool: "wwwww", noTool: "ccc");
        var batch = Assign([group], [(0, 0)], ["cccw"]);

        Advantage(batch, group[0]!.Id).ShouldBe(.9354, 1e-4);
        group[1..5].ShouldAllBe(r => Math.Abs(Advantage(batch, r!.Id) + .7246) < 1e-4);
        group[5..].ShouldAllBe(r => Math.Abs(Advantage(batch, r!.Id) - 1.2076) < 1e-4);
        Continuations(batch, group[0]!.Id).ShouldBe([.5, .5, .5, -1.5], 1e-9);
    }

    [Theory]
    [InlineData("wwwww", "ccc", -.7246)]
    [InlineData("wwwwwwww", "", 0)]
    public void Not_recovered_is_the_ordinary_advantage_on_the_prefix_alone(string tool, string noTool, double expected)
    {
        var group = Group(0, tool, noTool);
        var batch = Assign([group], [(0, 0)], ["wwww"]);

        Advantage(batch, group[0]!.Id).ShouldBe(expected, 1e-4);
        Sequence(batch, group[0]!.Id).Tokens.Length.ShouldBe(PrefixEnd);
        Continuations(batch, group[0]!.Id).ShouldBe([0, 0, 0, 0]);
    }

    [Fact]
    public void Each_prefix_replaces_only_its_own_reward()
    {
        var group = Group(0, tool: "wwwwwwww", noTool: "");
        var batch = Assign([group], [(0, 1), (0, 5)], ["cccc", "cwww"]);
        Advantage(batch, group[1]!.Id).ShouldBe(2.4749, 1e-4);
        Advantage(batch, group[5]!.Id).ShouldBe(2.4749, 1e-4);
        Advantage(batch, group[0]!.Id).ShouldBe(0);
    }

    [Fact]
    public void Loss_stands_on_sampled_tokens_alone_and_the_prefix_ends_after_its_opening_tag()
    {
        var group = Group(0, tool: "wwwwwwww", noTool: "");
        var batch = Assign([group], [(0, 2)], ["cwww"]);

        Loss(Sequence(batch, group[0]!.Id)).ShouldBe([3, 4, 5, 6, 7, 8, 13, 14, 15]);
        var prefix = Sequence(batch, group[2]!.Id);
        prefix.Tokens.ShouldBe([100, 101, 102, 103, 104, 105]);
        Loss(prefix).ShouldBe([3, 4, 5]);
        prefix.BehaviorLogProbs.ShouldBe([float.NaN, float.NaN, float.NaN, Some.LogProb, Some.LogProb, Some.LogProb]);
        var continuation = Sequence(batch, group[2]!.Id.Fork(0, 3));
        continuation.Tokens.Length.ShouldBe(16);
        Loss(continuation).ShouldBe([6, 7, 8, 13, 14, 15]);
        batch.Sequences.ShouldAllBe(s => s.IsLoss.Zip(s.Advantages).All(p => p.First || p.Second == 0));
    }

    [Fact]
    public void Every_term_is_a_mean_over_its_own_tokens()
    {
        var group = Group(0, tool: "wwwww", noTool: "ccc");
        var batch = Assign([group], [(0, 0)], ["cwww"]);
        var expected = new Dictionary<EpisodeId, int> { [group[1]!.Id] = 9, [group[5]!.Id] = 7, [group[0]!.Id] = 3, [group[0]!.Id.Fork(0, 1)] = 6 };
        foreach (var (id, tokens) in expected)
        {
            Loss(Sequence(batch, id)).Length.ShouldBe(tokens);
            Sequence(batch, id).Weight.ShouldBe(1.0 / 8, 1e-15);
        }
    }

    [Fact]
    public void Weights_sum_to_1_plus_r_at_a_full_budget()
    {
        Rollout?[][] groups = [.. Enumerable.Range(0, 4).Select(q => Group(q, tool: "wwww", noTool: "cwcw"))];
        var options = new ResampleOptions { K = K, BudgetRatio = .25 };
        var plan = ResamplePlanner.Plan([.. groups.Select(g => g.Select(r => RolloutSummaries.Of(r!, null)).ToArray())], 8, options);
        plan.Selections.Length.ShouldBe(2);
        Rollout?[][] continuations = [.. plan.Selections.Select(s => Forks(s.Source, "cwcw"))];

        var batch = AdvantageAssigner.Assign("id", 3, groups, plan, continuations, _exact);

        batch.Sequences.Sum(s => s.Weight).ShouldBe(1.25, 1e-12);
        (batch.Id, batch.Step, batch.Questions, batch.Sequences.Count).ShouldBe(("id", 3, 4, 32 + 8));
        batch.Sequences.ShouldAllBe(s => s.Question == s.Id.Question);
    }

    [Fact]
    public void A_void_rollout_leaves_statistics_and_loss_and_weights_stay_nominal()
    {
        var group = Group(0, tool: "vwww", noTool: "cwwv");
        group[7] = null; // Nothing stored counts as void.
        var batch = Assign([group], [], []);

        batch.Sequences.Count.ShouldBe(6);
        Advantage(batch, group[4]!.Id).ShouldBe(GroupStatistics.Standardise([1, 0, 0, 0, 0, 0], 1, 0)[0], 1e-12);
        batch.Sequences.Sum(s => s.Weight).ShouldBe(6 / 8.0, 1e-12);
    }

    [Fact]
    public void The_valid_denominator_divides_by_what_is_left()
    {
        Rollout?[][] groups = [Group(0, tool: "vwww", noTool: "cwwv"), Group(1, tool: "vvvv", noTool: "vvvv"), Group(2, tool: "cccc", noTool: "wwww")];
        var valid = _exact with { Objective = _exact.Objective with { Denominator = LossDenominator.Valid } };

        var batch = AdvantageAssigner.Assign("id", 1, groups, ResamplePlan.None(3), [], valid);
        batch.Sequences.Where(s => s.Question == 0).ShouldAllBe(s => Math.Abs(s.Weight - (1.0 / 2 / 6)) < 1e-12);
        batch.Sequences.Where(s => s.Question == 2).ShouldAllBe(s => Math.Abs(s.Weight - (1.0 / 2 / 8)) < 1e-12);
        batch.Questions.ShouldBe(3);

        var nominal = AdvantageAssigner.Assign("id", 1, groups, ResamplePlan.None(3), [], _exact);
        nominal.Sequences.ShouldAllBe(s => Math.Abs(s.Weight - (1.0 / 3 / 8)) < 1e-12);
    }

    [Fact]
    public void A_void_continuation_leaves_the_statistics_of_its_siblings()
    {
        var group = Group(0, tool: "wwwwwwww", noTool: "");
        var batch = Assign([group], [(0, 2)], ["vcww"]);
        Continuations(batch, group[2]!.Id).ShouldBe(GroupStatistics.Standardise([1, 0, 0], 1, 0), 1e-12);
        batch.Sequences.Sum(s => s.Weight).ShouldBe((8 + 3) / 8.0, 1e-12);
    }

    [Theory]
    [InlineData("vvcv", 2.4749)]
    [InlineData("vvwv", 0)]
    public void One_continuation_left_has_advantage_0_but_decides_recovery(string outcomes, double prefix)
    {
        var group = Group(0, tool: "wwwwwwww", noTool: "");
        var batch = Assign([group], [(0, 2)], [outcomes]);
        Continuations(batch, group[2]!.Id).ShouldBe([0]);
        Advantage(batch, group[2]!.Id).ShouldBe(prefix, 1e-4);
        Sequence(batch, group[2]!.Id).Tokens.Length.ShouldBe(PrefixEnd);
    }

    [Fact]
    public void All_continuations_void_revert_the_source_to_an_ordinary_rollout()
    {
        var group = Group(0, tool: "wwwww", noTool: "ccc");
        var plain = Assign([group], [], []);
        var batch = Assign([group], [(0, 0)], ["vvvv"]);
        batch.Sequences.Select(s => s.Id).ShouldBe(plain.Sequences.Select(s => s.Id));
        foreach (var (got, want) in batch.Sequences.Zip(plain.Sequences))
        {
            got.Tokens.ShouldBe(want.Tokens);
            got.IsLoss.ShouldBe(want.IsLoss);
            got.Weight.ShouldBe(want.Weight);
            got.Advantages.ShouldBe(want.Advantages);
        }
    }

    [Fact]
    public void A_later_boundary_ends_the_prefix_at_that_call()
    {
        var source = Some.Rollout(Some.Id(0, 0), Outcome.Wrong, [.. Some.Tool[..6], (SegmentKind.Think, 1), (SegmentKind.ToolCall, 3), (SegmentKind.Template, 1)]);
        Rollout?[] group = [source, .. Group(0, tool: "w", noTool: "wwwwww")[1..]];
        var plan = new ResamplePlan([true], 1, [new ResampleSelection(0, source.Id, 1, .5, 1, K)]);
        var batch = AdvantageAssigner.Assign("id", 1, [group], plan, [[.. Enumerable.Range(0, K).Select(k => Some.Rollout(source.Id.Fork(1, k), Outcome.Wrong, Some.Tool, 15))]], _exact);
        Sequence(batch, source.Id).Tokens.Length.ShouldBe(15); // 13 tokens, one of thinking, the opening tag.
        Loss(Sequence(batch, source.Id)).ShouldBe([3, 4, 5, 6, 7, 8, 13, 14]);
    }

    [Theory]
    [InlineData(PrefixCredit.Indicator, 1)]
    [InlineData(PrefixCredit.Ordinary, 1)]
    [InlineData(PrefixCredit.Indicator, 0)]
    public void A_segment_credit_stands_on_the_turn_of_the_call_alone(PrefixCredit credit, int boundary)
    {
        var source = Some.Rollout(Some.Id(0, 0), Outcome.Wrong, [.. Some.Tool[..6], (SegmentKind.Think, 1), (SegmentKind.ToolCall, 3), (SegmentKind.Template, 1)]);
        Rollout?[] group = [source, .. Group(0, tool: "w", noTool: "wwwwww")[1..]];
        var plan = new ResamplePlan([true], 1, [new ResampleSelection(0, source.Id, boundary, .5, 1, K)]);
        var end = source.PrefixEnd(boundary);
        Rollout?[] more = [.. Enumerable.Range(0, K).Select(k => Some.Rollout(source.Id.Fork(boundary, k), k == 0 ? Outcome.Correct : Outcome.Wrong, Some.Tool, end))];
        var whole = _exact with { Resample = new ResampleOptions { PrefixCredit = credit } };

        var segment = Sequence(AdvantageAssigner.Assign("id", 1, [group], plan, [more], whole with { Resample = whole.Resample with { PrefixSpan = PrefixSpan.Segment } }), source.Id);

        Loss(segment).ShouldBe(boundary == 0 ? [3, 4, 5] : [13, 14]);
        Advantage(segment).ShouldBe(Advantage(Sequence(AdvantageAssigner.Assign("id", 1, [group], plan, [more], whole), source.Id)), 1e-12);
    }

    [Fact]
    public void A_rollout_that_sampled_nothing_is_left_out()
    {
        Rollout?[] group = [Some.Rollout(Some.Id(0, 0), Outcome.Wrong, [(SegmentKind.Prompt, 5)]), Some.Rollout(Some.Id(0, 1), Outcome.Correct, Some.NoTool)];
        var batch = Assign([group], [], []);
        batch.Sequences.ShouldHaveSingleItem().Id.ShouldBe(group[1]!.Id);
        Advantage(batch, group[1]!.Id).ShouldBe(.5 / Math.Sqrt(.5), 1e-12);
    }

    [Theory]
    [InlineData(PrefixCredit.Indicator, "wwww", 0)]
    [InlineData(PrefixCredit.Indicator, "cwww", 1)]
    [InlineData(PrefixCredit.Mean, "cwww", .25)]
    [InlineData(PrefixCredit.Mean, "cwvv", .5)]
    [InlineData(PrefixCredit.Mean, "cccc", 1)]
    [InlineData(PrefixCredit.LeaveOneOut, "wwww", 0)]
    [InlineData(PrefixCredit.LeaveOneOut, "wcww", .75)]
    [InlineData(PrefixCredit.LeaveOneOut, "wcvw", 2.0 / 3)]
    [InlineData(PrefixCredit.LeaveOneOut, "ccww", 1)]
    [InlineData(PrefixCredit.LeaveOneOut, "vvcv", 1)] // Its own reward.
    [InlineData(PrefixCredit.LeaveOneOut, "vvwv", 0)]
    public void A_prefix_is_credited_by_the_rule(PrefixCredit credit, string outcomes, double reward)
    {
        var group = Group(0, tool: "wwwww", noTool: "ccc");
        var batch = Assign([group], [(0, 0)], [outcomes], _exact with { Resample = new ResampleOptions { PrefixCredit = credit } });
        Advantage(batch, group[0]!.Id).ShouldBe(GroupStatistics.Standardise([reward, 0, 0, 0, 0, 1, 1, 1], 1, 0)[0], 1e-12);
        Sequence(batch, group[0]!.Id).Tokens.Length.ShouldBe(PrefixEnd);
    }

    [Fact]
    public void Without_prefix_credit_the_prefix_keeps_its_ordinary_advantage_or_carries_no_loss()
    {
        var group = Group(0, tool: "wwwww", noTool: "ccc");
        var ordinary = Assign([group], [(0, 0)], ["cccw"], _exact with { Resample = new ResampleOptions { PrefixCredit = PrefixCredit.Ordinary } });
        Advantage(ordinary, group[0]!.Id).ShouldBe(-.7246, 1e-4);
        Loss(Sequence(ordinary, group[0]!.Id)).ShouldBe([3, 4, 5]);
        var none = Assign([group], [(0, 0)], ["cccw"], _exact with { Resample = new ResampleOptions { PrefixCredit = PrefixCredit.None } });
        none.Sequences.ShouldNotContain(s => s.Id == group[0]!.Id);
        none.Sequences.Count.ShouldBe(7 + 4);
    }

    [Fact]
    public void Merged_statistics_are_over_originals_and_every_live_continuation()
    {
        var group = Group(0, tool: "wwwww", noTool: "ccc");
        var batch = Assign([group], [(0, 0), (0, 1)], ["cwwv", "wwww"], _exact with { Resample = new ResampleOptions { Statistics = ResampleStatistics.Merged } });
        double[] rewards = [0, 0, 0, 0, 0, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0];
        var merged = GroupStatistics.Standardise(rewards, 1, 0);
        Advantage(batch, group[2]!.Id).ShouldBe(merged[2], 1e-12);
        Advantage(batch, group[5]!.Id).ShouldBe(merged[5], 1e-12);
        Continuations(batch, group[0]!.Id).ShouldBe([merged[8], merged[9], merged[10]], 1e-12);
        Continuations(batch, group[1]!.Id).ShouldBe(merged[11..], 1e-12);
        rewards[0] = 1;
        Advantage(batch, group[0]!.Id).ShouldBe(GroupStatistics.Standardise(rewards, 1, 0)[0], 1e-12);
        Advantage(batch, group[1]!.Id).ShouldBe(merged[1], 1e-12);
    }

    [Fact]
    public void Fresh_rollouts_join_their_group_and_no_prefix_is_cut()
    {
        var fresh = _exact with { Resample = new ResampleOptions { Start = ResampleStart.Fresh, K = K } };
        var group = Group(0, tool: "wwwww", noTool: "ccc");
        var selection = new ResampleSelection(0, group[0]!.Id, 0, .5, 1, K);
        Rollout?[] more = [.. selection.Continuations(fresh).Zip("cwvw").Select(p => Some.Rollout(p.First, Outcomes(p.Second), Some.NoTool))];
        var batch = AdvantageAssigner.Assign("id", 1, [group], new ResamplePlan([true], 1, [selection]), [more], fresh);
        var joined = GroupStatistics.Standardise([0, 0, 0, 0, 0, 1, 1, 1, 1, 0, 0], 1, 0);
        batch.Sequences.Select(s => s.Id.Rollout).ShouldBe([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11]);
        batch.Sequences.Select(Advantage).ShouldBe(joined, 1e-12);
        batch.Sequences.ShouldAllBe(s => s.Weight == 1.0 / 8 && s.Tokens.Length >= 10);
    }

    [Fact]
    public void A_prefix_before_the_answer_leaves_the_answer_out()
    {
        var group = Group(0, tool: "", noTool: "wwww");
        var source = group[1]!;
        Rollout?[] more = [.. Enumerable.Range(0, K).Select(k => Some.Rollout(source.Id.Fork(0, k), k == 2 ? Outcome.Correct : Outcome.Wrong, Some.NoTool, 7))];
        var batch = AdvantageAssigner.Assign("id", 1, [group], new ResamplePlan([true], 1, [new ResampleSelection(0, source.Id, 0, .5, 1, K)]), [more], _exact);
        Loss(Sequence(batch, source.Id)).ShouldBe([3, 4, 5, 6]);
        Loss(Sequence(batch, source.Id.Fork(0, 2))).ShouldBe([7, 8, 9]);
        Advantage(batch, source.Id).ShouldBe(1.5, 1e-12);
    }

    [Fact]
    public void A_truncated_rollout_may_carry_no_loss_but_counts()
    {
        var masked = _exact with { Objective = _exact.Objective with { MaskTruncated = true } };
        var group = Group(0, tool: "wwwww", noTool: "ccc");
        group[1] = group[1]! with { End = EndReason.TokenLimit };
        group[0] = group[0]! with { End = EndReason.TokenLimit };
        var plain = Assign([group], [(0, 0)], ["cwww"]);
        var batch = Assign([group], [(0, 0)], ["cwww"], masked);
        batch.Sequences.ShouldNotContain(s => s.Id == group[1]!.Id);
        batch.Sequences.Count.ShouldBe(plain.Sequences.Count - 1);
        batch.Sequences.ShouldContain(s => s.Id == group[0]!.Id, "what was cut off is not in its prefix");
        batch.Sequences.ShouldAllBe(s => Advantage(s) == Advantage(plain, s.Id) && s.Weight == Sequence(plain, s.Id).Weight);
    }

    [Fact]
    public void Prefix_and_continuations_use_the_estimator_of_the_ordinary_rollouts()
    {
        var group = Group(0, tool: "wwwww", noTool: "ccc");
        var batch = Assign([group], [(0, 0)], ["cwww"], _exact with { Objective = _exact.Objective with { Advantage = "mean-only" } });
        Advantage(batch, group[1]!.Id).ShouldBe(-3.0 / 8, 1e-12);
        Advantage(batch, group[0]!.Id).ShouldBe(1 - (4.0 / 8), 1e-12);
        Continuations(batch, group[0]!.Id).ShouldBe([.75, -.25, -.25, -.25], 1e-12);
    }

    [Fact]
    public void An_estimator_over_the_whole_batch_is_refused_where_there_are_prefixes_and_only_there()
    {
        var whole = _exact with { Objective = _exact.Objective with { Advantage = "reinforce++" } };
        var group = Group(0, tool: "wwwww", noTool: "ccc");
        Assign([group], [], [], whole).Sequences.Count.ShouldBe(8);
        Should.Throw<ArgumentException>(() => Assign([group], [(0, 0)], ["cwww"], whole)).Message.ShouldContain("objective.advantage = 'reinforce++'");
    }

    [Fact]
    public void Rewards_are_shaped_and_a_prefix_is_credited_for_correctness()
    {
        var bonus = _exact with { Rewards = new RewardOptions { ToolTerm = .1 } };
        var group = Group(0, tool: "ww", noTool: "cw");
        Advantage(Assign([group], [], [], bonus), group[0]!.Id).ShouldBe(GroupStatistics.Standardise([.1, .1, 1, 0], 1, 0)[0], 1e-12);
        Advantage(Assign([group], [(0, 0)], ["cwww"], bonus), group[0]!.Id).ShouldBe(GroupStatistics.Standardise([1, .1, 1, 0], 1, 0)[0], 1e-12);
    }

    [Fact]
    public void The_order_of_rollouts_and_questions_changes_nothing_and_a_void_one_only_its_absence()
    {
        var configuration = Gen.Select(Gen.Enum<PrefixCredit>(), Gen.Enum<ResampleStatistics>(), Gen.Enum<LossDenominator>(), (c, s, d) => _exact with
        {
            Objective = _exact.Objective with { Denominator = d },
            Resample = new ResampleOptions { PrefixCredit = c, Statistics = s },
        });
        Gen.Select(Gen.Char["cwv"].Array[5].Array[3], Gen.Char["cwv"].Array[K], Gen.Shuffle(new[] { 0, 1, 2 }), configuration).Sample((outcomes, forks, order, options) =>
        {
            Rollout?[][] groups = [.. outcomes.Select((o, q) => Group(q, tool: new string(o[..3]), noTool: new string(o[3..])))];
            var source = groups[1][2]!;
            ResamplePlan plan = source.Outcome == Outcome.Void ? ResamplePlan.None(3) : new([false, true, false], 1, [new ResampleSelection(1, source.Id, 0, .5, 1, K)]);
            Rollout?[][] continuations = plan.Selections.Length == 0 ? [] : [Forks(source.Id, new string(forks))];
            var want = Lines(AdvantageAssigner.Assign("id", 1, groups, plan, continuations, options));

            Rollout?[][] shuffled = [.. order.Select(q => groups[q].Reverse().ToArray())];
            var moved = plan with { Selections = [.. plan.Selections.Select(s => s with { Question = Array.IndexOf(order, s.Question) })] };
            Lines(AdvantageAssigner.Assign("id", 1, shuffled, moved, continuations, options)).ShouldBe(want);

            Rollout?[][] absent = [.. groups.Select(g => g.Select(r => r!.Outcome == Outcome.Void ? null : r).ToArray())];
            Lines(AdvantageAssigner.Assign("id", 1, absent, plan, continuations, options)).ShouldBe(want);
        });

        // Sums in another order differ in the last bits.
        static string[] Lines(UpdateBatch batch) => [.. batch.Sequences.Select(s => FormattableString.Invariant($"{s.Id} {s.Tokens.Length} {s.Weight:F12} {s.Advantages.Sum():F9}").Replace("-0.000000000", "0.000000000", StringComparison.Ordinal)).Order(StringComparer.Ordinal)];
    }

    /// <summary>Rollouts of a question, those with a call first; c correct, w wrong, v void.</summary>
    private static Rollout?[] Group(int question, string tool, string noTool) =>
        [.. (tool + noTool).Select((o, i) => Some.Rollout(Some.Id(question, i), Outcomes(o), i < tool.Length ? Some.Tool : Some.NoTool))];

    private static Rollout?[] Forks(EpisodeId source, string outcomes) => [.. outcomes.Select((o, k) => Some.Rollout(source.Fork(0, k), Outcomes(o), Some.Tool, PrefixEnd))];

    private static Outcome Outcomes(char letter) => letter switch { 'c' => Outcome.Correct, 'w' => Outcome.Wrong, _ => Outcome.Void };

    private static UpdateBatch Assign(Rollout?[][] groups, (int Question, int Rollout)[] sources, string[] continuations, RunConfiguration? configuration = null)
    {
        var plan = new ResamplePlan(new bool[groups.Length], sources.Length, [.. sources.Select(s => new ResampleSelection(s.Question, Some.Id(s.Question, s.Rollout), 0, .5, 1, K))]);
        return AdvantageAssigner.Assign("id", 1, groups, plan, [.. sources.Zip(continuations).Select(p => Forks(Some.Id(p.First.Question, p.First.Rollout), p.Second))], configuration ?? _exact);
    }

    private static TrainSequence Sequence(UpdateBatch batch, EpisodeId id) => batch.Sequences.Single(s => s.Id == id);

    private static int[] Loss(TrainSequence sequence) => [.. Enumerable.Range(0, sequence.Tokens.Length).Where(t => sequence.IsLoss[t])];

    private static double Advantage(UpdateBatch batch, EpisodeId id) => Advantage(Sequence(batch, id));

    private static double Advantage(TrainSequence sequence) => Loss(sequence).Select(t => sequence.Advantages[t]).Distinct().ShouldHaveSingleItem();

    private static double[] Continuations(UpdateBatch batch, EpisodeId source) => [.. batch.Sequences.Where(s => s.Id.Parent == source).OrderBy(s => s.Id.Path.Branches[^1].K).Select(Advantage)];
}
