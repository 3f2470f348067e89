using System.Globalization;
using Axpo.Silo.Runs;
using Spectre.Console;

namespace Axpo.Client.Running;

/// <summary>What a training run came to: held-out figures before and after, and what resampling did on the way.</summary>
internal sealed record TrainSummary
{
    /// <summary>Name of the run.</summary>
    public required string Run { get; init; }

    /// <summary>Training steps done.</summary>
    public required int Steps { get; init; }

    /// <summary>Held-out questions, and samples of each.</summary>
    public required int Questions { get; init; }
    public required int Samples { get; init; }
    public required double? Pass1Before { get; init; }
    public required double? Pass1After { get; init; }

    /// <summary>Gain of Pass@1 with its 95% interval (paired bootstrap over questions).</summary>
    public required double Gain { get; init; }
    public required double GainLow { get; init; }
    public required double GainHigh { get; init; }
    public required double? PassKBefore { get; init; }
    public required double? PassKAfter { get; init; }
    public required double? ToolUseT1Before { get; init; }
    public required double? ToolUseT1After { get; init; }
    public required double? AllWrongT1Before { get; init; }
    public required double? AllWrongT1After { get; init; }

    /// <summary>Means over the steps: all-wrong rate of the tool-using subgroups before and after resampling, share of prefixes that recovered.</summary>
    public required double? AllWrongBeforeResampling { get; init; }
    public required double? AllWrongAfterResampling { get; init; }
    public required double? Recovery { get; init; }

    /// <summary>Tokens sampled in training, and what share of them resampling cost.</summary>
    public required long SampledTokens { get; init; }
    public required double? ExtraTokenShare { get; init; }

    /// <summary>The summary of a run's rows; null while it lacks an evaluation before or after.</summary>
    public static TrainSummary? Of(RunManifest manifest, IReadOnlyList<MetricsRow> rows)
    {
        var (first, last) = (rows.FirstOrDefault(r => r.Eval is not null), rows.LastOrDefault(r => r.Eval is not null));
        if (first is null || last is null || first == last)
        {
            return null;
        }

        // A shorter evaluation asks the first questions of a longer one.
        var paired = Math.Min(first.Eval!.PerQuestion.Length, last.Eval!.PerQuestion.Length);
        var (gain, low, high) = PairedBootstrap.Gain(
            first.Eval.PerQuestion[..paired],
            last.Eval.PerQuestion[..paired],
            ChanceKey.Root(manifest.Configuration.Seed).With("bootstrap"));
        RolloutMetrics[] steps = [.. rows.Where(r => r.Train is not null).Select(r => r.Train!)];
        var sampled = steps.Sum(s => s.SampledTokens);
        return new TrainSummary
        {
            Run = manifest.Name,
            Steps = last.Step,
            Questions = paired,
            Samples = last.Eval.Samples,
            Pass1Before = first.Eval.Pass1,
            Pass1After = last.Eval.Pass1,
            Gain = gain,
            GainLow = low,
            GainHigh = high,
            PassKBefore = first.Eval.PassK,
            PassKAfter = last.Eval.PassK,
            ToolUseT1Before = first.EvalT1?.ToolUse,
            ToolUseT1After = last.EvalT1?.ToolUse,
            AllWrongT1Before = first.EvalT1?.AllWrongTool,
            AllWrongT1After = last.EvalT1?.AllWrongTool,
            AllWrongBeforeResampling = Mean(steps.Select(s => s.AllWrongToolBefore)),
            AllWrongAfterResampling = Mean(steps.Select(s => s.AllWrongToolAfter)),
            Recovery = Mean(steps.Select(s => s.Recovery)),
            SampledTokens = sampled,
            ExtraTokenShare = sampled == 0 ? null : (double)steps.Sum(s => s.ExtraTokens) / (sampled - steps.Sum(s => s.ExtraTokens)),
        };
    }

    /// <summary>Shows it to people.</summary>
    public void Write(IAnsiConsole console)
    {
        var table = new Table().Border(TableBorder.Rounded).BorderColor(Color.Grey)
            .AddColumn(string.Create(CultureInfo.InvariantCulture, $"held-out, {Questions} questions x {Samples}"))
            .AddColumn(new TableColumn("before").RightAligned()).AddColumn(new TableColumn("after").RightAligned()).AddColumn("");
        table.AddRow("Pass@1", Figures.Rate(Pass1Before), $"[bold]{Figures.Rate(Pass1After)}[/]", $"gain {Figures.Signed(Gain)}, 95% interval {Figures.Signed(GainLow)} to {Figures.Signed(GainHigh)} (paired bootstrap)");
        table.AddRow($"Pass@{Samples}", Figures.Rate(PassKBefore), Figures.Rate(PassKAfter), "");
        table.AddRow("tool use at T=1", Figures.Rate(ToolUseT1Before), $"[bold]{Figures.Rate(ToolUseT1After)}[/]", "");
        table.AddRow("all wrong with a call, T=1", Figures.Rate(AllWrongT1Before), Figures.Rate(AllWrongT1After), "");
        console.Write(table);
        console.MarkupLine(string.Create(
            CultureInfo.InvariantCulture,
            $"in training: all wrong with a call {Figures.Rate(AllWrongBeforeResampling)} before resampling, {Figures.Rate(AllWrongAfterResampling)} after; {Figures.Rate(Recovery)} of the prefixes recovered; {Figures.Count(SampledTokens)} tokens sampled, {Figures.Number(100 * ExtraTokenShare, "0")}% on top by resampling"));
    }

    private static double? Mean(IEnumerable<double?> values) => values.Where(v => v is not null).Select(v => v!.Value).ToArray() is { Length: > 0 } known ? known.Average() : null;
}
