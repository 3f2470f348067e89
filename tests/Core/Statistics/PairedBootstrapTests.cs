using Shouldly;
using Xunit;

namespace Axpo.Core.Tests.Statistics;

public sealed class PairedBootstrapTests
{
    private static readonly ChanceKey Key = ChanceKey.Root(7).With("bootstrap");

    [Fact]
    public void The_interval_is_that_of_the_binomial_where_gains_are_0_and_1()
    {
        // 25 of 100 questions gain 1: the resampled mean is Binomial(100, .25) / 100, whose 2.5% and 97.5% quantiles are .17 and .34.
        var after = Enumerable.Range(0, 100).Select(i => i < 25 ? 1.0 : 0.0).ToArray();
        var (mean, low, high) = PairedBootstrap.Gain(new double[100], after, Key);
        mean.ShouldBe(.25, 1e-12);
        low.ShouldBe(.17, .0101);
        high.ShouldBe(.34, .0101);
    }

    [Fact]
    public void Pairs_stay_together_so_that_equal_gains_leave_no_spread()
    {
        double[] before = [.1, .9, .4, .5];
        var (mean, low, high) = PairedBootstrap.Gain(before, [.. before.Select(b => b + .05)], Key);
        mean.ShouldBe(.05, 1e-12);
        low.ShouldBe(.05, 1e-12);
        high.ShouldBe(.05, 1e-12);
    }

    [Fact]
    public void Questions_without_both_figures_are_left_out()
    {
        var with = PairedBootstrap.Gain([0, double.NaN, .5, 1], [1, 1, double.NaN, 1], Key);
        with.ShouldBe(PairedBootstrap.Gain([0, 1], [1, 1], Key));
        with.Mean.ShouldBe(.5, 1e-12);
        double.IsNaN(PairedBootstrap.Gain([double.NaN], [1], Key).Low).ShouldBeTrue();
    }

    [Fact]
    public void The_same_key_gives_the_same_interval_and_another_key_another()
    {
        var before = Enumerable.Range(0, 50).Select(i => i % 5 / 5.0).ToArray();
        var after = Enumerable.Range(0, 50).Select(i => i % 7 / 7.0).ToArray();
        PairedBootstrap.Gain(before, after, Key, 500).ShouldBe(PairedBootstrap.Gain(before, after, Key, 500));
        PairedBootstrap.Gain(before, after, Key.With(1), 500).Low.ShouldNotBe(PairedBootstrap.Gain(before, after, Key, 500).Low);
    }

    [Fact]
    public void Lists_of_unequal_length_are_refused() =>
        Should.Throw<ArgumentException>(() => PairedBootstrap.Gain([0], [0, 1], Key)).Message.ShouldContain("1 questions before but 2 after");
}
