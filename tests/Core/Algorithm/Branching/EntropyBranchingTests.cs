using Shouldly;
using Xunit;

namespace Axpo.Core.Tests.Algorithm.Branching;

public sealed class EntropyBranchingTests
{
    private const int V = 1000;
    private static readonly double _unit = Math.Log(V);

    /// <summary>N = 8; whoever has a tool result branches.</summary>
    private static readonly RunConfiguration _certain = Configuration(new BranchingOptions { Rule = BranchingRule.Entropy, Probability = 1, EntropyWeight = 0 });

    [Theory]
    [InlineData(.69077553, 2.07232658, .2, .5, .2, .54)] // .1 and .3 of ln 1000.
    [InlineData(2.07232658, .69077553, -.2, .5, .2, .46)]
    [InlineData(2.07232658, .69077553, -.2, .5, 5, 0)]
    [InlineData(.69077553, 2.07232658, .2, .5, 5, 1)]
    [InlineData(.69077553, 2.07232658, .2, .25, 1, .45)]
    public void The_probability_is_clipped_and_moves_with_the_change_since_the_first_turn(double first, double now, double change, double p, double weight, double expected)
    {
        var got = EntropyBranching.Change([first, 99, now], 2, _unit);
        got.ShouldBe(change, 1e-8);
        EntropyBranching.Probability(got, new BranchingOptions { Probability = p, EntropyWeight = weight }).ShouldBe(expected, 1e-8);
    }

    [Fact]
    public void The_defaults_are_those_of_its_authors()
    {
        var options = AlgorithmPresets.Apply("arpo", new RunConfiguration()).Branching;
        (options.Rule, options.Probability, options.EntropyWeight, options.Beam, RolloutSummaries.EntropyTokens).ShouldBe((BranchingRule.Entropy, .5, .2, 2, 20));
        (options.InitialOf(16), options.InitialOf(8), options.InitialOf(7), options.InitialOf(1)).ShouldBe((8, 4, 3, 1));
        ((options with { Initial = 6 }).InitialOf(8), (options with { Initial = 9 }).InitialOf(8), new BranchingOptions { Initial = 3 }.InitialOf(8)).ShouldBe((6, 8, 8));
    }

    [Fact]
    public void Every_path_that_goes_on_after_a_result_branches_before_its_next_turn_until_the_group_is_full()
    {
        var rule = new EntropyBranching(_certain, V);
        RolloutSummary[] group = [Paths.Of(0, 1, 1, 1), Paths.Of(1, 1), Paths.Of(2, 1, 1), Paths.Of(3, 1)];
        rule.Next(group, 0).ShouldBe([Some.Id(0, 0).Fork(Paths.Turn(1)), Some.Id(0, 2).Fork(Paths.Turn(1))]);

        // A branch is a path from the result after the one that it began behind.
        group = [.. group, Paths.Of(Some.Id(0, 0).Fork(Paths.Turn(1)), 1, 1, 1), Paths.Of(Some.Id(0, 2).Fork(Paths.Turn(1)), 1, 1)];
        rule.Next(group, 1).ShouldBe([Some.Id(0, 0).Fork(Paths.Turn(2)), Some.Id(0, 0).Fork(Paths.Turn(1)).Fork(Paths.Turn(2))]);
        rule.Next([.. group, Paths.Of(5, 1, 1, 1), Paths.Of(6, 1, 1, 1)], 1).ShouldBeNull("eight there are");
        rule.Next([.. group, Paths.Of(5, 1, 1, 1)], 1)!.ShouldHaveSingleItem();
        rule.Next(group, 2).ShouldBeNull("nobody had a third result");
    }

    [Fact]
    public void A_beam_is_so_many_paths_after_a_result_the_old_one_included()
    {
        var rule = new EntropyBranching(_certain with { Branching = _certain.Branching with { Beam = 3 } }, V);
        rule.Next([Paths.Of(0, 1, 1), Paths.Of(1, 1, 1), Paths.Of(2, 1, 1), Paths.Of(3, 1), Paths.Of(4, 1)], 0)
            .ShouldBe([Some.Id(0, 0).Fork(Paths.Turn(1, 0)), Some.Id(0, 0).Fork(Paths.Turn(1, 1)), Some.Id(0, 1).Fork(Paths.Turn(1, 0))]);
    }

    [Fact]
    public void A_void_path_keeps_its_slot_and_does_not_branch()
    {
        var rule = new EntropyBranching(_certain, V);
        var broken = Paths.Of(0, 1, 1) with { Outcome = Outcome.Void };
        rule.Next([broken, .. Enumerable.Range(1, 6).Select(r => Paths.Of(r, 1, 1))], 0).ShouldBe([Some.Id(0, 1).Fork(Paths.Turn(1))]);
        rule.Next([broken], 0).ShouldBeNull();
    }

    [Fact]
    public void As_many_branch_as_the_probability_says_and_the_more_the_more_uncertain()
    {
        Share(0).ShouldBe(.5, .01);
        Share(.5).ShouldBe(.6, .01);
        Share(-.5).ShouldBe(.4, .01);

        double Share(double change)
        {
            const int Many = 20_000;
            var configuration = Configuration(new BranchingOptions { Rule = BranchingRule.Entropy }) with { Rollouts = new RolloutOptions { GroupSize = 2 * Many } };
            RolloutSummary[] group = [.. Enumerable.Range(0, Many).Select(r => Paths.Of(r, .5 * _unit, (.5 + change) * _unit))];
            return new EntropyBranching(configuration, V).Next(group, 0)!.Length / (double)Many;
        }
    }

    [Fact]
    public void Draws_are_keyed_on_seed_step_question_path_and_turn_alone()
    {
        var options = new BranchingOptions { Rule = BranchingRule.Entropy };
        RolloutSummary[] group = [.. Enumerable.Range(0, 40).Select(r => Paths.Of(r, 1, 1, 1))];
        var some = Next(1, group, 0);
        some.Length.ShouldBeInRange(8, 32);
        Next(1, [.. group.Select(r => r with { Id = r.Id with { Run = "another" } })], 0).Select(id => id.Rollout).ShouldBe(some.Select(id => id.Rollout));
        Next(1, [.. group.Skip(1).Append(group[0])], 0).ShouldBe(some, ignoreOrder: true);
        foreach (var other in new[] { Next(2, group, 0), Next(1, group, 1), Next(1, [.. group.Select(r => r with { Id = r.Id with { Step = 2 } })], 0), Next(1, [.. group.Select(r => r with { Id = r.Id with { Question = 1 } })], 0) })
        {
            other.Select(id => id.Rollout).ShouldNotBe(some.Select(id => id.Rollout));
        }

        EpisodeId[] Next(ulong seed, RolloutSummary[] paths, int wave) =>
            new EntropyBranching(Configuration(options) with { Seed = seed, Rollouts = new RolloutOptions { GroupSize = 100 } }, V).Next(paths, wave)!;
    }

    [Fact]
    public void A_vocabulary_of_one_token_is_refused() =>
        Should.Throw<ArgumentOutOfRangeException>(() => new EntropyBranching(_certain, 1)).Message.ShouldContain("no entropy");

    private static RunConfiguration Configuration(BranchingOptions options) => new() { Branching = options };
}
