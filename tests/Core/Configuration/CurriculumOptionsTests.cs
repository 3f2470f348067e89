using Shouldly;
using Xunit;

namespace Axpo.Core.Tests.Configuration;

public sealed class CurriculumOptionsTests
{
    [Fact]
    public void Without_it_every_step_asks_every_length() => new CurriculumOptions().Chains(7, 2, 8).ShouldBe((2, 8));

    [Theory]
    [InlineData(1, 3, 4)]
    [InlineData(10, 3, 4)]
    [InlineData(11, 4, 5)]
    [InlineData(50, 7, 8)]
    [InlineData(51, 2, 8)]
    [InlineData(1000, 2, 8)]
    public void Grows_by_a_call_and_asks_everything_once_it_is_through(int step, int shortest, int longest) =>
        new CurriculumOptions { StepsPerCall = 10, Start = 4, Lengths = 2 }.Chains(step, 2, 8).ShouldBe((shortest, longest));

    [Fact]
    public void Shorter_ones_stay_unless_told_otherwise()
    {
        new CurriculumOptions { StepsPerCall = 20, Start = 4 }.Chains(21, 2, 8).ShouldBe((2, 5));
        new CurriculumOptions { StepsPerCall = 20, Start = 4, Lengths = 1 }.Chains(21, 2, 8).ShouldBe((5, 5));
    }

    [Theory]
    [InlineData(0, 1, 2, 2)] // The shortest one, unless it says otherwise.
    [InlineData(1, 1, 2, 2)] // Below the suite's shortest chain.
    [InlineData(9, 1, 2, 8)] // Beyond its longest: there is nothing to grow.
    [InlineData(4, 3, 2, 4)]
    [InlineData(4, 1, 4, 4)]
    [InlineData(4, 12, 2, 4)]
    public void Stays_among_the_lengths_of_the_suite(int start, int lengths, int shortest, int longest) =>
        new CurriculumOptions { StepsPerCall = 10, Start = start, Lengths = lengths }.Chains(1, 2, 8).ShouldBe((shortest, longest));

    [Theory]
    [InlineData(0, 71)]
    [InlineData(4, 51)]
    [InlineData(8, 11)]
    [InlineData(9, 1)]
    public void The_first_step_that_asks_everything_is_the_first_past_the_longest(int start, int first)
    {
        var curriculum = new CurriculumOptions { StepsPerCall = 10, Start = start, Lengths = 2 };
        curriculum.FirstOfAll(2, 8).ShouldBe(first);
        curriculum.Chains(first, 2, 8).ShouldBe((2, 8));
        if (first > 1)
        {
            curriculum.Chains(first - 1, 2, 8).ShouldBe((7, 8));
        }
    }

    [Fact]
    public void Steps_count_from_one() => Should.Throw<ArgumentOutOfRangeException>(() => new CurriculumOptions().Chains(0, 2, 8));
}
