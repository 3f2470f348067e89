using Shouldly;
using Xunit;

namespace Axpo.Core.Tests.Algorithm.Branching;

public sealed class TreeExpansionTests
{
    [Theory]
    [InlineData(2, 2, 1, 6)]
    [InlineData(2, 3, 1, 8)]
    [InlineData(4, 1, 1, 8)]
    [InlineData(2, 2, 2, 10)]
    public void Trees_come_to_M_times_1_plus_N_times_L(int trees, int expansions, int rounds, int rollouts)
    {
        var options = new BranchingOptions { Rule = BranchingRule.Tree, Initial = trees, Expansions = expansions, Rounds = rounds };
        TreeExpansion.Rollouts(trees, options).ShouldBe(rollouts);
        List<RolloutSummary> group = [.. Enumerable.Range(0, options.InitialOf(rollouts)).Select(r => Paths.Of(r, 1, 1, 1))];
        var rule = new TreeExpansion(new RunConfiguration { Branching = options, Rollouts = new RolloutOptions { GroupSize = rollouts } });
        for (var wave = 0; rule.Next(group, wave) is { } branches; wave++)
        {
            branches.Length.ShouldBe(trees * expansions);
            group.AddRange(branches.Select(b => Paths.Of(b, 1, 1, 1)));
        }

        group.Count.ShouldBe(rollouts);
        group.Select(r => r.Id).ShouldBeUnique();
    }

    [Fact]
    public void Its_preset_is_its_authors_setting()
    {
        var c = AlgorithmPresets.Apply("tree-grpo", new RunConfiguration());
        (c.Branching.Rule, c.Branching.Initial, c.Branching.Expansions, c.Branching.Rounds, c.Rollouts.GroupSize, c.Objective.Advantage).ShouldBe((BranchingRule.Tree, 2, 2, 1, 6, "tree"));
    }

    [Fact]
    public void Root_and_inner_turns_are_drawn_alike_with_replacement_and_leaves_never()
    {
        var counts = new int[3];
        var twice = 0;
        for (var step = 1; step <= 3000; step++)
        {
            var branches = Next(Rule(), [Paths.Of(Some.Id(0, 0) with { Step = step }, 1, 1, 1)], 0);
            branches.Length.ShouldBe(2);
            branches.ShouldAllBe(b => b.Path.Branches[0].Point == BranchPoint.Turn);
            Array.ForEach(branches, b => counts[b.Path.Branches[0].Boundary]++);
            twice += branches[0].Path.Branches[0].Boundary == branches[1].Path.Branches[0].Boundary ? 1 : 0;
            branches[1].Path.Branches[0].K.ShouldBe(branches[0].Path.Branches[0].Boundary == branches[1].Path.Branches[0].Boundary ? 1 : 0);
        }

        counts.ShouldAllBe(n => Math.Abs((n / 6000.0) - (1 / 3.0)) < .025);
        (twice / 3000.0).ShouldBe(1 / 3.0, .03);
    }

    [Fact]
    public void A_rollout_of_one_turn_is_expanded_at_its_root() =>
        Next(Rule(), [Paths.Of(0, 1)], 0).ShouldBe([Some.Id(0, 0).Fork(Paths.Turn(0, 0)), Some.Id(0, 0).Fork(Paths.Turn(0, 1))]);

    [Fact]
    public void A_later_round_draws_from_the_whole_tree_each_node_once()
    {
        // The first rollout has nodes root, 0 and 1, its branch before turn 1 added node 1 of its own, the branch before turn 2 only a leaf.
        var root = Some.Id(0, 0);
        var (longer, leaf) = (root.Fork(Paths.Turn(1)), root.Fork(Paths.Turn(2)));
        var counts = new Dictionary<string, int>(StringComparer.Ordinal);
        for (ulong seed = 0; seed < 2000; seed++)
        {
            var branches = Next(Rule(rounds: 2, seed: seed), [Paths.Of(root, 1, 1, 1), Paths.Of(longer, 1, 1, 1), Paths.Of(leaf, 1, 1, 1)], 1);
            foreach (var branch in branches)
            {
                var last = branch.Path.Branches[^1];
                var node = $"{branch.Parent} {last.Boundary}";
                counts[node] = counts.GetValueOrDefault(node) + 1;
            }

            branches.ShouldNotContain(longer);
            branches.ShouldNotContain(leaf);
        }

        counts.Keys.Order(StringComparer.Ordinal).ShouldBe(new[] { $"{root} 0", $"{root} 1", $"{root} 2", $"{longer} 2" }.Order(StringComparer.Ordinal));
        counts.Values.ShouldAllBe(n => Math.Abs((n / 4000.0) - .25) < .03);
    }

    [Fact]
    public void Void_rollouts_are_not_expanded_and_their_tree_is_not_where_the_first_one_is()
    {
        RolloutSummary[] group = [Paths.Of(0, 1, 1) with { Outcome = Outcome.Void }, Paths.Of(1, 1, 1)];
        Next(Rule(), group, 0).ShouldAllBe(b => b.Rollout == 1);
        var branch = Some.Id(0, 1).Fork(Paths.Turn(0));
        Next(Rule(rounds: 50, size: 500), [group[1], Paths.Of(branch, 1, 1, 1, 1) with { Outcome = Outcome.Void }], 1).ShouldAllBe(b => b.Path.Branches.Length == 1);
        Next(Rule(), [group[0]], 0).ShouldBeEmpty();
    }

    [Fact]
    public void Draws_are_keyed_on_seed_step_question_tree_and_round_alone()
    {
        RolloutSummary[] group = [Paths.Of(0, 1, 1, 1, 1, 1, 1, 1, 1, 1), Paths.Of(1, 1, 1, 1, 1, 1, 1, 1, 1, 1)];
        var rule = Rule(expansions: 8, size: 500);
        var all = Next(rule, group, 0);
        Next(rule, [group[1]], 0).ShouldBe(all.Where(b => b.Rollout == 1));
        Next(rule, [.. group.Select(r => r with { Id = r.Id with { Run = "another" } })], 0).Select(b => b.Path).ShouldBe(all.Select(b => b.Path));
        all.Where(b => b.Rollout == 0).Select(b => b.Path).ShouldNotBe(all.Where(b => b.Rollout == 1).Select(b => b.Path));
        Next(Rule(expansions: 8, size: 500, seed: 2), group, 0).ShouldNotBe(all);
        Next(Rule(expansions: 8, size: 500, rounds: 2), group, 1).ShouldNotBe(all);
    }

    private static TreeExpansion Rule(int expansions = 2, int rounds = 1, int size = 8, ulong seed = 1) => new(new RunConfiguration
    {
        Seed = seed,
        Rollouts = new RolloutOptions { GroupSize = size },
        Branching = new BranchingOptions { Rule = BranchingRule.Tree, Expansions = expansions, Rounds = rounds },
    });

    private static EpisodeId[] Next(TreeExpansion rule, RolloutSummary[] group, int wave) => rule.Next(group, wave).ShouldNotBeNull();
}
