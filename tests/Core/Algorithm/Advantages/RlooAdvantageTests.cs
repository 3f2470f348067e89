using CsCheck;
using Shouldly;
using Xunit;

namespace Axpo.Core.Tests.Algorithm.Advantages;

public sealed class RlooAdvantageTests
{
    [Fact]
    public void Each_reward_stands_against_the_mean_of_the_others() => Gen.Int[-4, 8].Array[2, 12].Sample(quarters =>
    {
        double[] rewards = [.. quarters.Select(q => q / 4.0)];
        var advantages = Batches.Estimate("rloo", rewards, new ObjectiveOptions());
        for (var i = 0; i < rewards.Length; i++)
        {
            advantages[i].ShouldBe(rewards[i] - rewards.Where((_, k) => k != i).Average(), 1e-12);
        }
    });

    [Fact]
    public void A_group_of_one_gets_what_the_rule_says()
    {
        Batches.Estimate("rloo", [2], new ObjectiveOptions()).ShouldBe([0]);
        Batches.Estimate("rloo", [2], new ObjectiveOptions { Singleton = SingletonRule.Reward }).ShouldBe([2]);
    }
}
