using CsCheck;
using Shouldly;
using Xunit;

namespace Axpo.Core.Tests.Algorithm.Advantages;

public sealed class LeaveOneOutAdvantageTests
{
    [Fact]
    public void It_is_the_distance_to_the_others_in_deviations_of_the_group() => Gen.Int[-4, 8].Array[2, 12].Where(q => q.Max() > q.Min()).Sample(quarters =>
    {
        double[] rewards = [.. quarters.Select(q => q / 4.0)];
        var mean = rewards.Average();
        var deviation = Math.Sqrt(rewards.Sum(r => (r - mean) * (r - mean)) / (rewards.Length - 1));
        var advantages = Batches.Estimate("leave-one-out", rewards, new ObjectiveOptions { Epsilon = .01 });
        for (var i = 0; i < rewards.Length; i++)
        {
            advantages[i].ShouldBe((rewards[i] - rewards.Where((_, k) => k != i).Average()) / (deviation + .01), 1e-9);
        }
    });

    [Fact]
    public void A_single_success_stays_bounded() => Batches.Estimate("leave-one-out", [1, 0, 0, 0], new ObjectiveOptions { Epsilon = 0 }).ShouldBe([2, -2.0 / 3, -2.0 / 3, -2.0 / 3], 1e-12);

    [Fact]
    public void A_group_of_one_gets_what_the_rule_says()
    {
        Batches.Estimate("leave-one-out", [2], new ObjectiveOptions()).ShouldBe([0]);
        Batches.Estimate("leave-one-out", [2], new ObjectiveOptions { Epsilon = .25, Singleton = SingletonRule.Reward }).ShouldBe([2 / 1.25]);
    }
}
