using Shouldly;
using Xunit;

namespace Axpo.Core.Tests.Algorithm.Advantages;

public sealed class MeanOnlyAdvantageTests
{
    [Fact]
    public void It_is_the_reward_minus_the_mean() => Batches.Estimate("mean-only", [1, 0, 0, 3], new ObjectiveOptions()).ShouldBe([0, -1, -1, 2]);

    [Fact]
    public void A_group_of_one_gets_what_the_rule_says()
    {
        Batches.Estimate("mean-only", [2], new ObjectiveOptions()).ShouldBe([0]);
        Batches.Estimate("mean-only", [2], new ObjectiveOptions { Singleton = SingletonRule.Reward }).ShouldBe([2]);
    }
}
