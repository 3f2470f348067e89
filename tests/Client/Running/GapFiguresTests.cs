using Axpo.Client.Running;
using Axpo.Core;
using Shouldly;
using Xunit;

namespace Axpo.Client.Tests.Running;

public sealed class GapFiguresTests
{
    private static readonly GapFigures Shows = new(160, 8, ToolUse: .2, AllWrongTool: .4, AllWrongNoTool: .1, AccuracyTool: .4, AccuracyNoTool: .4);

    [Fact]
    public void The_gap_shows_at_the_ends_of_its_band()
    {
        Shows.Missing.ShouldBeEmpty();
        (Shows with { ToolUse = .15 }).Missing.ShouldBeEmpty();
        (Shows with { ToolUse = .35 }).Missing.ShouldBeEmpty();
        (Shows with { AllWrongTool = .30 }).Missing.ShouldBeEmpty();
    }

    [Fact]
    public void What_does_not_hold_is_named_with_its_value()
    {
        (Shows with { ToolUse = .149 }).Missing.ShouldHaveSingleItem().ShouldContain("tool use 0.149");
        (Shows with { ToolUse = .351 }).Missing.ShouldHaveSingleItem().ShouldContain("0.351");
        (Shows with { AllWrongTool = .29 }).Missing.ShouldHaveSingleItem().ShouldContain("0.290");
        (Shows with { AllWrongNoTool = .4 }).Missing.ShouldHaveSingleItem().ShouldContain("not above");
    }

    [Fact]
    public void A_rate_that_does_not_exist_never_shows_a_gap() =>
        GapFigures.Of(new EvaluationMetrics { Questions = 160, Samples = 8 }).Missing.Count.ShouldBe(3);
}
