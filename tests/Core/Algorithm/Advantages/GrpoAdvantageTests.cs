using CsCheck;
using Shouldly;
using Xunit;

namespace Axpo.Core.Tests.Algorithm.Advantages;

public sealed class GrpoAdvantageTests
{
    [Fact]
    public void Deviation_and_eps_are_options()
    {
        Batches.Estimate("grpo", [1, 0, 0, 0], new ObjectiveOptions { Epsilon = 0 })[0].ShouldBe(1.5, 1e-12);
        Batches.Estimate("grpo", [1, 0, 0, 0], new ObjectiveOptions { Epsilon = .5 })[0].ShouldBe(.75, 1e-12);
        Batches.Estimate("grpo", [1, 0, 0, 0], new ObjectiveOptions { Epsilon = 0, Ddof = 0 })[0].ShouldBe(Math.Sqrt(3), 1e-12);
    }

    [Fact]
    public void A_group_of_one_gets_what_the_rule_says()
    {
        Batches.Estimate("grpo", [2], new ObjectiveOptions { Epsilon = .25 }).ShouldBe([0]);
        Batches.Estimate("grpo", [2], new ObjectiveOptions { Epsilon = .25, Singleton = SingletonRule.Reward }).ShouldBe([2 / 1.25]);
    }

    [Fact]
    public void Advantages_of_a_group_sum_to_0() => Gen.Select(Batches.Any, Batches.Options).Sample((batch, options) =>
    {
        ScoredRollout[] one = [.. batch.Select(r => r with { Tokens = 1 })];
        var advantages = Batches.Estimate("grpo", one, options with { Singleton = SingletonRule.Zero });
        foreach (var group in Enumerable.Range(0, one.Length).GroupBy(i => one[i].Group))
        {
            group.Sum(i => advantages[i]).ShouldBe(0, 1e-9);
        }
    });

    [Fact]
    public void Higher_rewards_have_higher_advantages() => Gen.Int[-4, 8].Array[2, 12].Sample(quarters =>
    {
        double[] rewards = [.. quarters.Order().Select(q => q / 4.0)];
        Batches.Estimate("grpo", rewards, new ObjectiveOptions()).ShouldBeInOrder();
    });
}
