using Shouldly;
using Xunit;

namespace Axpo.Core.Tests.Algorithm.Advantages;

public sealed class GpgAdvantageTests
{
    [Fact]
    public void The_rarer_a_reward_in_the_batch_the_more_it_weighs()
    {
        ScoredRollout[] batch = [new(0, 1, 1), new(0, 0, 1), new(1, 0, 1), new(1, 0, 1), new(2, 0, 1), new(2, 0, 1)];
        Batches.Estimate("gpg", batch, new ObjectiveOptions()).ShouldBe([3, -3, 0, 0, 0, 0]); // 6 rollouts, 1 reward.
        Batches.Estimate("gpg", batch[..2], new ObjectiveOptions()).ShouldBe([1, -1]);
    }

    [Fact]
    public void A_batch_without_rewards_is_0() => Batches.Estimate("gpg", [0, 0, 0], new ObjectiveOptions()).ShouldBe([0, 0, 0]);
}
