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
        var plan = new ResamplePlan([true], 1, [new ResampleSelection(0, source.Id, 1, .5, 1)]);
        var batch = AdvantageAssigner.Assign("id", 1, [group], plan, [[.. Enumerable.Range(0, K).Select(k => Some.Rollout(source.Id.Fork(1, k), Outcome.Wrong, Some.Tool, 15))]], _exact);
        Sequence(batch, source.Id).Tokens.Length.ShouldBe(15); // 13 tokens, one of thinking, the opening tag.
        Loss(Sequence(batch, source.Id)).ShouldBe([3, 4, 5, 6, 7, 8, 13, 14]);
    }

    [Fact]
    public void A_rollout_that_sampled_nothing_is_left_out()
    {
        Rollout?[] group = [Some.Rollout(Some.Id(0, 0), Outcome.Wrong, [(SegmentKind.Prompt, 5)]), Some.Rollout(Some.Id(0, 1), Outcome.Correct, Some.NoTool)];
        var batch = Assign([group], [], []);
        batch.Sequences.ShouldHaveSingleItem().Id.ShouldBe(group[1]!.Id);
        Advantage(batch, group[1]!.Id).ShouldBe(.5 / Math.Sqrt(.5), 1e-12);
    }

    /// <summary>Rollouts of a question, those with a call first; c correct, w wrong, v void.</summary>
    private static Rollout?[] Group(int question, string tool, string noTool) =>
        [.. (tool + noTool).Select((o, i) => Some.Rollout(Some.Id(question, i), Outcomes(o), i < tool.Length ? Some.Tool : Some.NoTool))];

    private static Rollout?[] Forks(EpisodeId source, string outcomes) => [.. outcomes.Select((o, k) => Some.Rollout(source.Fork(0, k), Outcomes(o), Some.Tool, PrefixEnd))];

    private static Outcome Outcomes(char letter) => letter switch { 'c' => Outcome.Correct, 'w' => Outcome.Wrong, _ => Outcome.Void };

    private static UpdateBatch Assign(Rollout?[][] groups, (int Question, int Rollout)[] sources, string[] continuations)
    {
        var plan = new ResamplePlan(new bool[groups.Length], sources.Length, [.. sources.Select(s => new ResampleSelection(s.Question, Some.Id(s.Question, s.Rollout), 0, .5, 1))]);
        return AdvantageAssigner.Assign("id", 1, groups, plan, [.. sources.Zip(continuations).Select(p => Forks(Some.Id(p.First.Question, p.First.Rollout), p.Second))], _exact);
    }

    private static TrainSequence Sequence(UpdateBatch batch, EpisodeId id) => batch.Sequences.Single(s => s.Id == id);

    private static int[] Loss(TrainSequence sequence) => [.. Enumerable.Range(0, sequence.Tokens.Length).Where(t => sequence.IsLoss[t])];

    private static double Advantage(UpdateBatch batch, EpisodeId id) => Advantage(Sequence(batch, id));

    private static double Advantage(TrainSequence sequence) => Loss(sequence).Select(t => sequence.Advantages[t]).Distinct().ShouldHaveSingleItem();

    private static double[] Continuations(UpdateBatch batch, EpisodeId source) => [.. batch.Sequences.Where(s => s.Id.Parent == source).OrderBy(s => s.Id.Path.Branches[^1].K).Select(Advantage)];
}
