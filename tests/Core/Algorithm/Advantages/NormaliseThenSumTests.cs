using Shouldly;
using Xunit;

namespace Axpo.Core.Tests.Algorithm.Advantages;

public sealed class NormaliseThenSumTests
{
    [Fact]
    public void A_reward_of_large_scale_does_not_drown_another()
    {
        var options = new ObjectiveOptions { Epsilon = 0 };
        var got = NormaliseThenSum.Of([[1, 0], [0, 100], [1, 100], [0, 0]], [0, 0, 0, 0], options);
        got[0].ShouldBe(0, 1e-12);
        got[1].ShouldBe(0, 1e-12);
        got[2].ShouldBe(-got[3], 1e-12);
        got[2].ShouldBe(Math.Sqrt(1.5), 1e-12); // Sums 0, 0, s, -s have deviation s sqrt(2/3).
    }

    [Fact]
    public void One_reward_is_standardised_over_its_group_and_again_over_the_batch()
    {
        var options = new ObjectiveOptions { Epsilon = .5 };
        double[] inner = [.. GroupStatistics.Standardise([1, 0], 1, .5), .. GroupStatistics.Standardise([3, 9], 1, .5)];
        NormaliseThenSum.Of([[1], [0], [3], [9]], [0, 0, 1, 1], options).ShouldBe(GroupStatistics.Standardise(inner, 1, .5));
        NormaliseThenSum.Of([], [], options).ShouldBeEmpty();
    }
}
