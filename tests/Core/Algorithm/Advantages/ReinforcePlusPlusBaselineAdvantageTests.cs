using Shouldly;
using Xunit;

namespace Axpo.Core.Tests.Algorithm.Advantages;

public sealed class ReinforcePlusPlusBaselineAdvantageTests
{
    [Fact]
    public void Rewards_minus_their_group_s_mean_are_whitened_over_tokens()
    {
        ScoredRollout[] batch = [new(0, 1, 2), new(1, 5, 1), new(0, 0, 1), new(1, 5, 2)];
        AdvantageEstimators.Get("reinforce++-baseline").Estimate(batch, new ObjectiveOptions()).ShouldBe(Whitening.Of([[.5, .5], [0], [-.5], [0, 0]]));
    }

    [Fact]
    public void A_group_of_one_gets_what_the_rule_says()
    {
        ScoredRollout[] batch = [new(0, 1, 1), new(1, 0, 1), new(1, 1, 1)];
        Batches.Estimate("reinforce++-baseline", batch, new ObjectiveOptions { Singleton = SingletonRule.Reward }).ShouldBe([.. Whitening.Of([[1, -.5, .5]])[0]]);
        Batches.Estimate("reinforce++-baseline", batch, new ObjectiveOptions()).ShouldBe([.. Whitening.Of([[0, -.5, .5]])[0]]);
    }
}
