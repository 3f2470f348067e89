using CsCheck;
using Shouldly;
using Xunit;

namespace Axpo.Core.Tests.Chance;

public sealed class ChanceStreamTests
{
    private static readonly ChanceKey _key = ChanceKey.Root(9);

    [Fact]
    public void The_nth_draw_depends_on_key_and_n_alone()
    {
        var (a, b) = (_key.Stream(), _key.Stream());
        a.NextDouble().ShouldBe(b.NextDouble());
        _ = a.Next(5);
        _ = b.NextDouble(); // Another kind of draw takes the same place.
        a.NextDouble().ShouldBe(b.NextDouble());
        _key.Stream().NextDouble().ShouldNotBe(ChanceKey.Root(10).Stream().NextDouble());
    }

    [Fact]
    public void Integers_stay_in_their_range_and_reach_its_ends()
    {
        var stream = _key.Stream();
        int[] drawn = [.. Enumerable.Range(0, 2000).Select(_ => stream.Next(-3, 3))];
        drawn.Distinct().Order().ShouldBe([-3, -2, -1, 0, 1, 2, 3]);
        Enumerable.Range(0, 50).ShouldAllBe(_ => stream.Next(1) == 0);
        Enumerable.Range(0, 50).ShouldAllBe(_ => stream.Next(int.MaxValue) >= 0);
        Should.Throw<ArgumentOutOfRangeException>(() => stream.Next(0));
    }

    [Fact]
    public void A_permutation_holds_everything_once() => Gen.Select(Gen.Int[0, 60], Gen.ULong).Sample((n, seed) =>
    {
        var order = ChanceKey.Root(seed).Stream().Permutation(n);
        order.Order().ShouldBe(Enumerable.Range(0, n));
        ChanceKey.Root(seed).Stream().Permutation(n).ShouldBe(order);
    });

    [Fact]
    public void Every_permutation_of_four_comes_about_equally_often()
    {
        var stream = _key.Stream();
        var counts = Enumerable.Range(0, 24_000).Select(_ => string.Join("", stream.Permutation(4))).CountBy(p => p).ToDictionary();
        counts.Count.ShouldBe(24);
        counts.Values.Sum(c => (c - 1000.0) * (c - 1000) / 1000).ShouldBeLessThan(49.7); // Chi-squared, 23 degrees of freedom, one in a thousand.
    }

    [Fact]
    public void Picking_reaches_every_element()
    {
        var stream = _key.Stream();
        Enumerable.Range(0, 200).Select(_ => stream.Pick(["a", "b", "c"])).Distinct().Order().ShouldBe(["a", "b", "c"]);
    }
}
