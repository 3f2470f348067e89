using Shouldly;
using Xunit;

namespace Axpo.Core.Tests.Statistics;

public sealed class HierarchicalBootstrapTests
{
    private static readonly ChanceKey Key = ChanceKey.Root(7).With("bootstrap");

    [Fact]
    public void Whole_seeds_are_drawn_so_that_questions_of_a_seed_are_no_independent_witnesses()
    {
        // A seed that gains nothing and one that gains 1 everywhere: a resample is 0, 1/2 or 1 with probabilities 1/4, 1/2, 1/4, however many questions there are.
        var before = new[] { new double[50], new double[50] };
        var after = new[] { new double[50], Enumerable.Repeat(1.0, 50).ToArray() };
        var gain = HierarchicalBootstrap.Compare(before, after, Key);
        gain.Mean.ShouldBe(.5, 1e-12);
        (gain.Low, gain.High).ShouldBe((0, 1));
        gain.P.ShouldBe(.5, .03);
        (gain.Seeds, gain.Pairs).ShouldBe((2, 100));
    }

    [Fact]
    public void Questions_are_drawn_inside_a_seed()
    {
        // 25 of 100 questions gain 1: the resampled mean is Binomial(100, .25) / 100, whose 2.5% and 97.5% quantiles are .17 and .34.
        var gain = HierarchicalBootstrap.Compare([new double[100]], [Enumerable.Range(0, 100).Select(i => i < 25 ? 1.0 : 0.0).ToArray()], Key);
        gain.Mean.ShouldBe(.25, 1e-12);
        gain.Low.ShouldBe(.17, .0101);
        gain.High.ShouldBe(.34, .0101);
        gain.P.ShouldBe(1e-4);
    }

    [Fact]
    public void A_difference_of_nothing_has_a_p_of_1_and_one_that_never_varies_the_smallest()
    {
        double[][] some = [[.1, .9], [.4, .5]];
        HierarchicalBootstrap.Compare(some, some, Key, 100).ShouldBe(new PairedDifference(0, 0, 0, 1, 2, 4));
        var gain = HierarchicalBootstrap.Compare(some, [.. some.Select(s => s.Select(v => v + .25).ToArray())], Key, 100);
        gain.Low.ShouldBe(.25, 1e-12);
        gain.High.ShouldBe(.25, 1e-12);
        gain.P.ShouldBe(.01);
    }

    [Fact]
    public void Seeds_weigh_the_same_whatever_they_ask_and_pairs_without_both_sides_are_left_out()
    {
        var gain = HierarchicalBootstrap.Compare([[0, double.NaN], [0, 0, 0], [double.NaN]], [[1, 1], [0, 0, 0], [1]], Key, 200);
        gain.Mean.ShouldBe(.5, 1e-12);
        (gain.Seeds, gain.Pairs).ShouldBe((2, 4));
        var none = HierarchicalBootstrap.Compare([[double.NaN]], [[1]], Key, 10);
        double.IsNaN(none.Mean).ShouldBeTrue();
        double.IsNaN(none.P).ShouldBeTrue();
    }

    [Fact]
    public void The_same_key_gives_the_same_interval_and_another_key_another()
    {
        double[][] before = [[.1, .2, .3, .9], [.5, .1, .7, .2]], after = [[.3, .1, .9, .4], [.6, .6, .2, .1]];
        HierarchicalBootstrap.Compare(before, after, Key, 501).ShouldBe(HierarchicalBootstrap.Compare(before, after, Key, 501));
        HierarchicalBootstrap.Compare(before, after, Key.With(1), 501).ShouldNotBe(HierarchicalBootstrap.Compare(before, after, Key, 501));
    }

    [Fact]
    public void Sides_of_unequal_shape_are_refused()
    {
        Should.Throw<ArgumentException>(() => HierarchicalBootstrap.Compare([[0]], [[0, 1]], Key));
        Should.Throw<ArgumentException>(() => HierarchicalBootstrap.Compare([[0]], [[0], [1]], Key));
    }
}
