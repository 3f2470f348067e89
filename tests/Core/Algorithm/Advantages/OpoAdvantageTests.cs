using CsCheck;
using Shouldly;
using Xunit;

namespace Axpo.Core.Tests.Algorithm.Advantages;

public sealed class OpoAdvantageTests
{
    [Fact]
    public void The_baseline_weighs_rewards_by_length()
    {
        ScoredRollout[] batch = [new(0, 1, 1), new(0, 0, 3)];
        Batches.Estimate("opo", batch, new ObjectiveOptions()).ShouldBe([.75, -.25]);
    }

    [Fact]
    public void Advantages_of_all_tokens_of_a_group_sum_to_0() => Batches.Any.Sample(batch =>
    {
        var advantages = AdvantageEstimators.Get("opo").Estimate(batch, new ObjectiveOptions());
        foreach (var group in Enumerable.Range(0, batch.Length).GroupBy(i => batch[i].Group))
        {
            group.Sum(i => advantages[i].Sum()).ShouldBe(0, 1e-9);
        }
    });

    [Fact]
    public void A_group_without_loss_tokens_has_figures_all_the_same() =>
        new OpoAdvantage().OfGroup([1, 0], [0, 0], new ObjectiveOptions()).ShouldBe([.5, -.5]);

    [Fact]
    public void A_group_of_one_gets_what_the_rule_says()
    {
        Batches.Estimate("opo", [2], new ObjectiveOptions()).ShouldBe([0]);
        Batches.Estimate("opo", [2], new ObjectiveOptions { Singleton = SingletonRule.Reward }).ShouldBe([2]);
    }
}
