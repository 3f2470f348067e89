using Shouldly;
using Xunit;

namespace Axpo.Core.Tests.Algorithm.Advantages;

public sealed class ReMaxTests
{
    [Fact]
    public void Reward_to_go_stands_against_the_greedy_reward()
    {
        var got = ReMax.Of([[1, double.NaN, 2], [0, 0, 1]], [[true, false, true], [true, true, true]], [.5, 1]);
        got.Returns.ShouldBe([[3, 2, 2], [1, 1, 1]]);
        got.Advantages.ShouldBe([[2.5, 2, 1.5], [0, 0, 0]]);
    }
}
