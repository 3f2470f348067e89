using Shouldly;
using Xunit;

namespace Axpo.Core.Tests.Configuration;

public sealed class NearestNameTests
{
    private static readonly string[] _known = ["steps", "seed", "model", "rollouts", "fact-chain", "fact"];

    [Theory]
    [InlineData("step", "steps")]
    [InlineData("SEED", "seed")]
    [InlineData("modle", "model")]
    [InlineData("rolouts", "rollouts")]
    [InlineData("factchain", "fact-chain")]
    [InlineData("facts", "fact")]
    [InlineData("entirely-else", null)]
    [InlineData("", null)]
    public void The_name_with_the_fewest_edits_is_meant(string name, string? expected) => NearestName.Of(name, _known).ShouldBe(expected);

    [Fact]
    public void Ties_go_by_order_of_names() => NearestName.Of("bat", ["hat", "cat"]).ShouldBe("cat");

    [Fact]
    public void A_very_long_name_is_nobodys()
    {
        NearestName.Of(new string('x', 65), [new string('x', 64)]).ShouldBeNull();
        NearestName.Of(new string('x', 64), [new string('x', 63) + "y"]).ShouldNotBeNull();
    }

    [Fact]
    public void The_hint_lists_what_there_is()
    {
        NearestName.Hint("fact-chian", ["fact-chain", "arithmetic"]).ShouldBe("; did you mean 'fact-chain'? there are arithmetic, fact-chain");
        NearestName.Hint("zzzzzzzz", ["fact"]).ShouldBe("; there are fact");
        NearestName.Hint("fact", []).ShouldBe("; there are none");
    }
}
