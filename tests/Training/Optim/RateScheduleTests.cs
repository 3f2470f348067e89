using Axpo.Core;
using Axpo.Training.Optim;
using CsCheck;
using Shouldly;
using Xunit;

namespace Axpo.Training.Tests.Optim;

public sealed class RateScheduleTests
{
    [Theory]
    [InlineData(RateShape.Constant, 2, 2, 2)]
    [InlineData(RateShape.Cosine, 2, 1.1, .2)]
    [InlineData(RateShape.Linear, 2, 1.1, .2)]
    public void The_rate_warms_up_and_then_takes_its_shape(RateShape shape, double first, double middle, double last)
    {
        var rate = new RateSchedule(shape, 2, 10, 110, .1);
        rate.At(0).ShouldBe(.2, 1e-12);
        rate.At(4).ShouldBe(1, 1e-12);
        rate.At(9).ShouldBe(2, 1e-12);
        rate.At(10).ShouldBe(first, 1e-12);
        rate.At(60).ShouldBe(middle, 1e-12);
        rate.At(110).ShouldBe(last, 1e-12);
        rate.At(100_000).ShouldBe(last, 1e-12);
    }

    [Fact]
    public void Between_peak_and_end_a_line_is_straight_and_a_cosine_is_above_it_at_first()
    {
        var (line, cosine) = (new RateSchedule(RateShape.Linear, 1, 0, 100, 0), new RateSchedule(RateShape.Cosine, 1, 0, 100, 0));
        line.At(25).ShouldBe(.75, 1e-12);
        cosine.At(25).ShouldBe(.5 + (Math.Sqrt(.5) / 2), 1e-12);
    }

    [Fact]
    public void It_never_leaves_the_range_between_zero_and_peak_and_never_rises_after_warm_up() =>
        Gen.Select(Gen.Enum<RateShape>(), Gen.Double[0, 10], Gen.Int[0, 50], Gen.Int[0, 200], Gen.Double[0, 1], Gen.Int[0, 300]).Sample((shape, peak, warm, steps, share, step) =>
        {
            var rate = new RateSchedule(shape, peak, warm, steps, share);
            rate.At(step).ShouldBeInRange(0, peak * (1 + 1e-12));
            if (step >= warm)
            {
                rate.At(step + 1).ShouldBeLessThanOrEqualTo(rate.At(step));
                rate.At(step).ShouldBeGreaterThanOrEqualTo(peak * share * (1 - 1e-12));
            }
        });
}
