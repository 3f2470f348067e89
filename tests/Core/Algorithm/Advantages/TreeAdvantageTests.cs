using Shouldly;
using Xunit;

namespace Axpo.Core.Tests.Algorithm.Advantages;

public sealed class TreeAdvantageTests
{
    private static readonly ObjectiveOptions _exact = new() { Epsilon = 0, Singleton = SingletonRule.Reward };

    [Fact]
    public void Inside_the_tree_plus_between_trees()
    {
        // Trees 1 0 0 and 1 1 0: means 1/3 and 2/3, deviation .57735 each; all six: mean 1/2, deviation .54772.
        var got = Estimate([.. "100".Select(r => Row(r, 0)), .. "110".Select(r => Row(r, 1))], _exact);
        got.ShouldBe([1.154701 + .912871, -.577350 - .912871, -.577350 - .912871, .577350 + .912871, .577350 + .912871, -1.154701 - .912871], 1e-6);
    }

    [Fact]
    public void A_tree_of_one_has_mean_0_and_deviation_1()
    {
        // All four: mean 1/2, deviation .57735, so +-.866025 between trees.
        ScoredRollout[] batch = [.. "100".Select(r => Row(r, 0)), Row('1', 1)];
        Estimate(batch, _exact).ShouldBe([1.154701 + .866025, -.577350 - .866025, -.577350 - .866025, 1 + .866025], 1e-6);
        Estimate(batch, _exact with { Epsilon = 1e-6 })[3].ShouldBe((1 / (1 + 1e-6)) + (.5 / (.5773502691896258 + 1e-6)), 1e-12);
        Estimate(batch, _exact with { Singleton = SingletonRule.Zero })[3].ShouldBe(.866025, 1e-6);
        Estimate([Row('1', 0)], _exact).ShouldBe([2]);
        Estimate([Row('0', 0)], _exact).ShouldBe([0]);
    }

    [Fact]
    public void Without_spread_a_term_is_exactly_0()
    {
        Estimate([.. "11".Select(r => Row(r, 0)), .. "00".Select(r => Row(r, 1))], _exact).ShouldBe([.866025, .866025, -.866025, -.866025], 1e-6);
        Estimate([.. "111".Select(r => Row(r, 0)), .. "11".Select(r => Row(r, 1))], _exact).ShouldBe([0, 0, 0, 0, 0]);
    }

    [Fact]
    public void Trees_of_the_same_number_in_other_groups_are_others()
    {
        ScoredRollout[] first = [.. "100".Select(r => Row(r, 0)), .. "110".Select(r => Row(r, 1))];
        Estimate([.. first, .. first.Select(r => r with { Group = 1 })], _exact).ShouldBe([.. Estimate(first, _exact), .. Estimate(first, _exact)]);
    }

    [Fact]
    public void Branches_join_their_trees_void_ones_leave_and_every_loss_token_has_it()
    {
        // Trees c w v and c v v: inside +-.707107, and 1 of a tree of one; all three: mean 2/3, deviation .57735.
        Rollout[] group =
        [
            Of(0, Outcome.Correct), Of(1, Outcome.Correct),
            Of(0, Outcome.Wrong, 0), Of(0, Outcome.Void, 1), Of(1, Outcome.Void, 0), Of(1, Outcome.Void, 1),
        ];
        var configuration = new RunConfiguration { Objective = _exact with { Advantage = "tree" } };
        var batch = AdvantageAssigner.Assign("id", 1, [group], ResamplePlan.None(1), [], configuration);

        batch.Sequences.Select(s => s.Id).ShouldBe([group[0].Id, group[1].Id, group[2].Id]);
        Advantages(0).ShouldAllBe(a => Math.Abs(a - 1.284457) < 1e-6);
        Advantages(1).ShouldAllBe(a => Math.Abs(a - 1.577350) < 1e-6);
        Advantages(2).ShouldAllBe(a => Math.Abs(a + 1.861808) < 1e-6);
        batch.Sequences.ShouldAllBe(s => s.Weight == 1 / 6.0 && s.IsLoss.Count(l => l) == 9, "a branch carries loss on all that was sampled, what it shares included");

        double[] Advantages(int i) => [.. batch.Sequences[i].Advantages.Where((_, t) => batch.Sequences[i].IsLoss[t])];
    }

    [Fact]
    public void Rollouts_that_share_tokens_put_their_own_advantages_on_them()
    {
        Rollout[] group = [Of(0, Outcome.Correct), Of(1, Outcome.Wrong), Of(0, Outcome.Wrong, 0)];
        var batch = AdvantageAssigner.Assign("id", 1, [group], ResamplePlan.None(1), [], new RunConfiguration { Objective = new ObjectiveOptions { Epsilon = 0 } });
        batch.Sequences.Select(s => Math.Round(s.Advantages[4], 6)).ShouldBe([1.154701, -.57735, -.57735]);
        batch.Sequences.ShouldAllBe(s => s.IsLoss[4]);
    }

    private static ScoredRollout Row(char reward, int tree) => new(0, reward - '0', 1, tree);

    private static double[] Estimate(ScoredRollout[] batch, ObjectiveOptions options) => Batches.Estimate("tree", batch, options);

    private static Rollout Of(int rollout, Outcome outcome, int? branch = null) => branch is { } k
        ? Some.Rollout(Some.Id(0, rollout).Fork(new Branch(1, k, BranchPoint.Turn)), outcome, Some.Tool, inherited: 13)
        : Some.Rollout(Some.Id(0, rollout), outcome, Some.Tool);
}
