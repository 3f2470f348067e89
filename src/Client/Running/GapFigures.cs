using System.Globalization;
using Spectre.Console;

namespace Axpo.Client.Running;

/// <summary>The thinking-acting gap of a policy at T=1, and whether it shows as it must for AXPO to have something to mend.</summary>
/// <param name="Questions">Held-out questions.</param>
/// <param name="Samples">Samples of each.</param>
/// <param name="ToolUse">Share of rollouts with a call.</param>
/// <param name="AllWrongTool">Share of non-empty tool-using subgroups that are all wrong.</param>
/// <param name="AllWrongNoTool">The same without a call.</param>
/// <param name="AccuracyTool">Accuracy with a call.</param>
/// <param name="AccuracyNoTool">Accuracy without.</param>
internal sealed record GapFigures(int Questions, int Samples, double? ToolUse, double? AllWrongTool, double? AllWrongNoTool, double? AccuracyTool, double? AccuracyNoTool)
{
    /// <summary>Band of tool use in which the gap counts as shown.</summary>
    public const double LowestToolUse = .15;

    /// <summary>Upper end of the band.</summary>
    public const double HighestToolUse = .35;

    /// <summary>Least all-wrong rate of the tool-using subgroups.</summary>
    public const double LeastAllWrong = .30;

    /// <summary>What does not hold; empty if the gap shows.</summary>
    public IReadOnlyList<string> Missing =>
    [
        .. Unless(ToolUse is >= LowestToolUse and <= HighestToolUse, $"tool use {Figures.Rate(ToolUse)} is not in {Figures.Rate(LowestToolUse)} to {Figures.Rate(HighestToolUse)}"),
        .. Unless(AllWrongTool >= LeastAllWrong, $"tool-using subgroups all wrong {Figures.Rate(AllWrongTool)} is below {Figures.Rate(LeastAllWrong)}"),
        .. Unless(AllWrongTool > AllWrongNoTool, $"tool-using subgroups all wrong {Figures.Rate(AllWrongTool)} is not above the no-tool subgroups' {Figures.Rate(AllWrongNoTool)}"),
    ];

    /// <summary>The figures of an evaluation at T=1.</summary>
    public static GapFigures Of(EvaluationMetrics t1) => new(t1.Questions, t1.Samples, t1.ToolUse, t1.AllWrongTool, t1.AllWrongNoTool, t1.AccuracyTool, t1.AccuracyNoTool);

    /// <summary>Shows them to people.</summary>
    public void Write(IAnsiConsole console)
    {
        var table = new Table().Border(TableBorder.Rounded).BorderColor(Color.Grey)
            .AddColumn(string.Create(CultureInfo.InvariantCulture, $"T=1, {Questions} questions x {Samples}"))
            .AddColumn(new TableColumn("with a call").RightAligned()).AddColumn(new TableColumn("without").RightAligned());
        table.AddRow("share of rollouts", Figures.Rate(ToolUse), Figures.Rate(1 - ToolUse));
        table.AddRow("accuracy", Figures.Rate(AccuracyTool), Figures.Rate(AccuracyNoTool));
        table.AddRow("subgroups all wrong", Figures.Rate(AllWrongTool), Figures.Rate(AllWrongNoTool));
        console.Write(table);
        console.WriteLine(Missing.Count == 0 ? "the thinking-acting gap shows" : "the thinking-acting gap does not show: " + string.Join("; ", Missing));
    }

    private static IEnumerable<string> Unless(bool holds, string message) => holds ? [] : [message];
}
