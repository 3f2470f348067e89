using CsCheck;
using Shouldly;
using Xunit;

namespace Axpo.Core.Tests.Questions;

public sealed class BoxedTests
{
    [Theory]
    [InlineData(@"\boxed{42}", "42")]
    [InlineData(@"so it is \boxed{42}.", "42")]
    [InlineData(@"\boxed{1} then \boxed{2}", "2")]
    [InlineData(@"\boxed{\frac{1}{2}}", @"\frac{1}{2}")]
    [InlineData(@"\boxed{{a}{b{c}}}", "{a}{b{c}}")]
    [InlineData(@"\boxed{}", "")]
    [InlineData(@"\boxed{1} and \boxed{2", "1")] // The last one is not balanced.
    [InlineData(@"\boxed{a\boxed{b}}", "b")] // The last opening counts.
    [InlineData(@"\boxed{a\boxed{b}", "b")]
    [InlineData(@"\boxed{1}}", "1")]
    [InlineData(@"\boxed{1", null)]
    [InlineData(@"\boxed{{1}", null)]
    [InlineData(@"\boxed 1", null)]
    [InlineData(@"boxed{1}", null)]
    [InlineData(@"\Boxed{1}", null)]
    [InlineData("", null)]
    public void The_last_balanced_box_is_the_answer(string text, string? expected) => Boxed.Extract(text).ShouldBe(expected);

    [Fact]
    public void Whatever_is_balanced_comes_back_as_it_is() => Gen.Select(Gen.String[Gen.Char["ab 1\\"], 0, 6], Gen.Int[0, 5], Gen.String[Gen.Char["{}xy"], 0, 8]).Sample((inner, depth, before) =>
    {
        var content = new string('{', depth) + inner + new string('}', depth);
        Boxed.Extract($@"{before}\boxed{{{content}}} done").ShouldBe(content);
    });

    [Fact]
    public void Many_openings_that_never_close_are_no_answer() => Boxed.Extract(string.Concat(Enumerable.Repeat(@"\boxed{", 500))).ShouldBeNull();
}
