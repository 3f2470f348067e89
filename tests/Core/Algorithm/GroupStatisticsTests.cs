using CsCheck;
using Shouldly;
using Xunit;

namespace Axpo.Core.Tests.Algorithm;

/// <summary>method.md, "Values every implementation must reproduce".</summary>
public sealed class GroupStatisticsTests
{
    [Theory]
    [InlineData(1, 1.5, -.5)]
    [InlineData(2, .8660254, -.8660254)]
    [InlineData(3, .5, -1.5)]
    [InlineData(0, 0, 0)]
    [InlineData(4, 0, 0)]
    public void Four_continuations_give_the_values_of_the_table(int successes, double right, double wrong)
    {
        double[] rewards = [.. Enumerable.Range(0, 4).Select(k => k < successes ? 1.0 : 0.0)];
        var advantages = GroupStatistics.Standardise(rewards, 1, 0);
        for (var k = 0; k < 4; k++)
        {
            advantages[k].ShouldBe(k < successes ? right : wrong, 1e-6);
        }
    }

    [Fact]
    public void The_population_deviation_is_an_option()
    {
        GroupStatistics.Standardise([1, 0, 0, 0], 0, 0)[0].ShouldBe(.75 / Math.Sqrt(.1875), 1e-12);
        GroupStatistics.Standardise([1, 0, 0, 0], 1, .5)[0].ShouldBe(.75 / (.5 + .5), 1e-12);
    }

    [Fact]
    public void A_singleton_and_no_spread_are_exactly_0()
    {
        GroupStatistics.Standardise([1], 1, 0).ShouldBe([0]);
        GroupStatistics.Standardise([], 1, 0).ShouldBeEmpty();
        GroupStatistics.Standardise([.1, .1, .1], 1, 0).ShouldBe([0, 0, 0]);
    }

    [Fact]
    public void Advantages_have_mean_0_and_sample_deviation_1() => Gen.Double[0, 1].Array[2, 12].Where(r => r.Max() - r.Min() > .01).Sample(rewards =>
    {
        var advantages = GroupStatistics.Standardise(rewards, 1, 0);
        advantages.Sum().ShouldBe(0, 1e-9);
        advantages.Sum(a => a * a).ShouldBe(rewards.Length - 1, 1e-6);
        rewards.Zip(advantages).OrderBy(p => p.First).Select(p => p.Second).ShouldBeInOrder();
    });

    [Fact]
    public void Rewards_are_0_and_1_and_void_has_none()
    {
        GroupStatistics.Reward(Outcome.Correct).ShouldBe(1);
        GroupStatistics.Reward(Outcome.Wrong).ShouldBe(0);
        Should.Throw<ArgumentException>(() => GroupStatistics.Reward(Outcome.Void));
    }
}
