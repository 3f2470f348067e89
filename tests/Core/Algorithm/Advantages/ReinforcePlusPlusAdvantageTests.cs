using Shouldly;
using Xunit;

namespace Axpo.Core.Tests.Algorithm.Advantages;

public sealed class ReinforcePlusPlusAdvantageTests
{
    [Fact]
    public void The_reward_is_discounted_by_the_loss_tokens_after_a_token()
    {
        var got = ReinforcePlusPlusAdvantage.Of([[0, 9, 0, 8]], [[true, false, true, true]], .5);
        got.Returns.ShouldBe([[2, 0, 4, 8]]);
        got.Advantages[0][1].ShouldBe(0);
    }

    [Fact]
    public void Dense_rewards_add_up() => ReinforcePlusPlusAdvantage.Of([[1, 2, 3]], [[true, true, true]], 1).Returns.ShouldBe([[6, 5, 3]]);

    [Fact]
    public void A_registered_run_whitens_returns_over_the_tokens_of_the_batch()
    {
        ScoredRollout[] batch = [new(0, 1, 2), new(1, 0, 1), new(0, 3, 0)];
        var own = AdvantageEstimators.Get("reinforce++").Estimate(batch, new ObjectiveOptions { Gamma = .5 });
        own.ShouldBe(Whitening.Of([[.5, 1], [0], []]));
        own.SelectMany(a => a).Sum().ShouldBe(0, 1e-6);
    }
}
