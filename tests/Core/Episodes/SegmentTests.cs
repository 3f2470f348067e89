using Shouldly;
using Xunit;

namespace Axpo.Core.Tests.Episodes;

public sealed class SegmentTests
{
    [Theory]
    [InlineData(SegmentKind.Prompt, 0, false)]
    [InlineData(SegmentKind.Think, 1, true)]
    [InlineData(SegmentKind.ToolCall, 2, true)]
    [InlineData(SegmentKind.Observation, 3, false)]
    [InlineData(SegmentKind.Answer, 4, true)]
    [InlineData(SegmentKind.EndOfTurn, 5, true)]
    [InlineData(SegmentKind.Template, 6, false)]
    public void Kinds_keep_their_numbers_and_know_whether_they_are_sampled(SegmentKind kind, int number, bool sampled)
    {
        ((int)kind).ShouldBe(number);
        new Segment(kind, 0, 1).IsSampled.ShouldBe(sampled);
    }

    [Fact]
    public void Moving_keeps_kind_and_length()
    {
        var moved = new Segment(SegmentKind.Answer, 2, 5).Shift(10);
        moved.ShouldBe(new Segment(SegmentKind.Answer, 12, 15));
        moved.Length.ShouldBe(3);
    }
}
