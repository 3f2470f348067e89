using CsCheck;
using Shouldly;
using Xunit;

namespace Axpo.Core.Tests.Algorithm.Advantages;

public sealed class WhiteningTests
{
    [Fact]
    public void Values_have_mean_0_and_sample_deviation_1() => Gen.Double[-5, 5].Array[2, 30].Where(v => v.Max() - v.Min() > .1).Sample(values =>
    {
        var white = Whitening.Of([values])[0];
        white.Sum().ShouldBe(0, 1e-5);
        white.Sum(v => v * v).ShouldBe(values.Length - 1, 1e-3);
    });

    [Fact]
    public void What_is_masked_reaches_nothing_but_itself()
    {
        bool[][] mask = [[true, false, true], [true, false, false]];
        var clean = Whitening.Of([[1, 0, 2], [4, 0, 0]], mask);
        var dirty = Whitening.Of([[1, double.NaN, 2], [4, double.PositiveInfinity, 1e300]], mask);
        new[] { dirty[0][0], dirty[0][2], dirty[1][0] }.ShouldBe([clean[0][0], clean[0][2], clean[1][0]]);
        clean[0][1].ShouldBe((0 - (7.0 / 3)) / Math.Sqrt(7.0 / 3), 1e-6); // Moved and scaled too.
    }

    [Fact]
    public void Fewer_than_two_tokens_are_0()
    {
        Whitening.Of([[3]]).ShouldBe([[0]]);
        Whitening.Of([[3, 5]], [[false, true]]).ShouldBe([[0, 0]]);
        Whitening.Of([[], []]).ShouldBe([[], []]);
    }
}
