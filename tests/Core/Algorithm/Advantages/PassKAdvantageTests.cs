using Shouldly;
using Xunit;

namespace Axpo.Core.Tests.Algorithm.Advantages;

public sealed class PassKAdvantageTests
{
    [Fact]
    public void Only_the_best_rollout_gets_something()
    {
        Batches.Estimate("pass-k-unscaled", [.25, 1, .5, 0], new ObjectiveOptions()).ShouldBe([0, .5, 0, 0]);
        Batches.Estimate("pass-k", [0, 0, 0, 1], new ObjectiveOptions { Epsilon = .5 }).ShouldBe([0, 0, 0, 1], 1e-12);
    }

    [Fact]
    public void Two_that_share_the_best_reward_give_0() => Batches.Estimate("pass-k", [1, 0, 1], new ObjectiveOptions()).ShouldBe([0, 0, 0]);

    [Fact]
    public void A_group_of_one_gives_0_whatever_the_rule() => Batches.Estimate("pass-k", [2], new ObjectiveOptions { Singleton = SingletonRule.Reward }).ShouldBe([0]);
}
