using Shouldly;
using Xunit;

namespace Axpo.Core.Tests.Algorithm.Advantages;

public sealed class BatchScaledAdvantageTests
{
    [Fact]
    public void The_mean_is_the_group_s_and_the_deviation_the_batch_s()
    {
        ScoredRollout[] batch = [new(0, 1, 1), new(1, 0, 1), new(0, 0, 1), new(1, 0, 1)];
        Batches.Estimate("batch-scaled", batch, new ObjectiveOptions { Epsilon = .5 }).ShouldBe([.5, 0, -.5, 0], 1e-12); // Deviation of 1 0 0 0: .5.
    }

    [Fact]
    public void A_batch_of_singletons_without_spread_is_0_whatever_the_rule()
    {
        ScoredRollout[] batch = [new(0, 1, 1), new(1, 1, 1)];
        Batches.Estimate("batch-scaled", batch, new ObjectiveOptions { Singleton = SingletonRule.Reward }).ShouldBe([0, 0]);
    }
}
