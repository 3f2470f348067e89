using Shouldly;
using Xunit;

namespace Axpo.Core.Tests.Statistics;

public sealed class HolmCorrectionTests
{
    [Fact]
    public void Each_rank_is_multiplied_by_what_is_left_and_never_falls_below_the_one_before()
    {
        // .005 x 4 = .02, .01 x 3 = .03, .03 x 2 = .06, .04 x 1 = .04, raised to .06.
        double[] adjusted = HolmCorrection.Adjust([.01, .04, .03, .005]);
        double[] expected = [.03, .06, .06, .02];
        adjusted.Zip(expected).ShouldAllBe(p => Math.Abs(p.First - p.Second) < 1e-12);
    }

    [Fact]
    public void No_probability_exceeds_1_and_what_was_not_compared_counts_for_nothing()
    {
        HolmCorrection.Adjust([.9, .8]).ShouldBe([1, 1]);
        HolmCorrection.Adjust([double.NaN, .02]).ShouldBe([double.NaN, .02]);
        HolmCorrection.Adjust([]).ShouldBeEmpty();
    }
}
