using System.Globalization;
using Axpo.Silo.Reports;
using Spectre.Console;

namespace Axpo.Client.Running;

/// <summary>What a training run came to, for people: the figures of its report.</summary>
internal static class SummaryTable
{
    /// <summary>Shows it, where the run has a held-out evaluation before and after.</summary>
    public static void Write(IAnsiConsole console, RunSummary summary)
    {
        if (summary.Gain is { } gain)
        {
            var table = new Table().Border(TableBorder.Rounded).BorderColor(Color.Grey)
                .AddColumn(string.Create(CultureInfo.InvariantCulture, $"held-out, {gain.Questions} questions x {gain.Samples}"))
                .AddColumn(new TableColumn("before").RightAligned()).AddColumn(new TableColumn("after").RightAligned()).AddColumn("");
            Add("Pass@1", new BeforeAfter(gain.Before, gain.After), $"gain {Figures.Signed(gain.Mean)}, 95% interval {Figures.Signed(gain.Low)} to {Figures.Signed(gain.High)} (paired bootstrap)");
            Add($"Pass@{gain.Samples}", summary.PassK);
            Add("tool use at T=1", summary.ToolUse);
            Add("all wrong with a call, T=1", summary.AllWrongT1);
            console.Write(table);

            void Add(string label, BeforeAfter figure, string note = "") => table.AddRow(label, Figures.Rate(figure.Before), $"[bold]{Figures.Rate(figure.After)}[/]", note);
        }

        if (summary.SampledTokens > 0)
        {
            console.MarkupLine(string.Create(
                CultureInfo.InvariantCulture,
                $"in training: all wrong with a call {Figures.Rate(summary.AllWrongTool.Before)} before resampling, {Figures.Rate(summary.AllWrongTool.After)} after; {Figures.Rate(summary.Recovery)} of {summary.Prefixes} prefixes recovered; {Figures.Count(summary.SampledTokens)} tokens sampled, {Figures.Number(100 * summary.ExtraTokenShare, "0")}% on top by resampling"));
        }
    }
}
