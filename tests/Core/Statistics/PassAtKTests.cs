using Shouldly;
using Xunit;

namespace Axpo.Core.Tests.Statistics;

public sealed class PassAtKTests
{
    [Theory]
    [InlineData(5, 2, 2, .7)] // 1 - C(3,2)/C(5,2) = 1 - 3/10
    [InlineData(16, 1, 4, .25)] // 1 - C(15,4)/C(16,4) = 1 - 1365/1820
    [InlineData(16, 3, 8, .9)] // 1 - C(13,8)/C(16,8) = 1 - 1287/12870
    [InlineData(4, 1, 1, .25)]
    [InlineData(4, 4, 1, 1)]
    [InlineData(16, 0, 16, 0)]
    [InlineData(16, 1, 16, 1)]
    [InlineData(4, 3, 2, 1)] // fewer than k wrong ones: any draw holds a correct one
    public void It_is_the_share_of_draws_without_replacement_with_a_correct_sample(int samples, int correct, int k, double expected) =>
        PassAtK.Of(samples, correct, k).ShouldBe(expected, 1e-12);

    [Theory]
    [InlineData(4, 2, 5)]
    [InlineData(4, 5, 1)]
    [InlineData(4, -1, 1)]
    [InlineData(4, 1, 0)]
    [InlineData(0, 0, 1)]
    public void What_cannot_be_drawn_is_refused(int samples, int correct, int k) => Should.Throw<ArgumentOutOfRangeException>(() => PassAtK.Of(samples, correct, k));
}
