using System.Security.Cryptography;
using Axpo.Environments.Digits;

namespace Axpo.Environments.Tests.Digits;

public sealed class HandwrittenDigitsTests
{
    [Fact]
    public void There_are_ten_thousand_as_their_readme_says()
    {
        Enumerable.Range(0, 10).Select(HandwrittenDigits.Count).ShouldBe([1001, 1127, 991, 1032, 980, 863, 1014, 1070, 944, 978]);
        for (var digit = 0; digit < 10; digit++)
        {
            for (var index = 0; index < HandwrittenDigits.Count(digit); index++)
            {
                var ink = HandwrittenDigits.Ink(digit, index);
                ink.Length.ShouldBe(28 * 28);
                ink.IndexOfAnyInRange((byte)128, byte.MaxValue).ShouldBeGreaterThanOrEqualTo(0, $"digit {digit}, index {index}");
            }
        }
    }

    [Theory]
    [InlineData(0, 0, "2d1c3087ac5f2bed7c4d54a1b33bf75d09f479ee63c0df2e0a4378f6e7e9ae66")]
    [InlineData(9, 977, "37cbefec3931a74f7cf63eab3ff8d7ee57d5ac37c6c36b51983a9d2828dcaa96")]
    public void A_digit_lies_where_the_package_has_it(int digit, int index, string sha256) =>
        Convert.ToHexStringLower(SHA256.HashData(HandwrittenDigits.Ink(digit, index))).ShouldBe(sha256);

    [Fact]
    public void Splits_are_by_index_and_drawn_evenly()
    {
        foreach (var split in Enum.GetValues<Split>())
        {
            var chance = ChanceKey.Root(1).With("digits").Stream();
            var drawn = Enumerable.Range(0, 4000).Select(_ => HandwrittenDigits.Draw(chance, split, 5)).ToHashSet();
            drawn.ShouldBe(Enumerable.Range(0, 863).Where(i => HandwrittenDigits.SplitOf(i) == split), ignoreOrder: true);
        }

        Enumerable.Range(0, 10).Select(HandwrittenDigits.SplitOf).ShouldBe([Split.Train, Split.Train, Split.Train, Split.Validation, Split.Test, Split.Train, Split.Train, Split.Train, Split.Validation, Split.Test]);
    }

    [Theory, InlineData(-1, 0), InlineData(10, 0), InlineData(0, -1), InlineData(0, 1001)]
    public void What_there_is_not_is_refused(int digit, int index) =>
        Should.Throw<ArgumentOutOfRangeException>(() => { HandwrittenDigits.Ink(digit, index); });
}
