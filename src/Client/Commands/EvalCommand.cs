using System.CommandLine;
using System.Globalization;
using Axpo.Client.Running;
using Axpo.Grains.Abstractions;
using Spectre.Console;

namespace Axpo.Client.Commands;

/// <summary><c>axpo eval</c>: held-out evaluation of a policy; <c>--gap</c> asks whether the thinking-acting gap shows.</summary>
internal static class EvalCommand
{
    private const int GapQuestions = 160;
    private const int GapSamples = 8;

    public static Command Create(CommandContext context)
    {
        var options = new ConfigurationOptions(context);
        var name = new Option<string?>("--name") { Description = "Name of the run; default: eval and time.", HelpName = "NAME" };
        var gap = new Option<bool>("--gap") { Description = "Tool use, accuracy and all-wrong rates at T=1 with and without a call; exits 0 only if the thinking-acting gap shows." };
        var command = new Command("eval", "Evaluates a policy on evaluation.finalQuestions held-out questions, with the paper's sampling and at temperature 1.") { name, gap };
        options.AddTo(command, "--algorithm", "--conventions", "--steps");
        HostOptions.AddTo(command);
        return command.Does(async (parsed, _) =>
        {
            var isGap = parsed.GetValue(gap);
            var defaults = new RunConfiguration();
            if (isGap)
            {
                defaults = defaults with { Evaluation = defaults.Evaluation with { FinalQuestions = GapQuestions, Samples = GapSamples } };
            }

            var configuration = RunSettings.Resolve(options.Load(parsed, defaults).Configuration);
            var request = new RunRequest { Kind = RunKind.Evaluate, Phases = isGap ? [Phase.EvalT1] : [Phase.Eval, Phase.EvalT1] };
            var result = await RunJob.StartAsync(context, parsed.GetValue(name) ?? RunJob.NewName(context, "eval"), RunKind.Evaluate, configuration, request, HostOptions.Of(parsed));
            return Finish(context, result, isGap);
        });
    }

    /// <summary>Figures of an evaluation that this process hosted.</summary>
    public static ExitCode Finish(CommandContext context, RunResult result, bool isGap)
    {
        var exit = RunJob.Exit(context, result.Status);
        if (exit != ExitCode.Done || result.Rows is not [.., var row])
        {
            return exit;
        }

        var figures = isGap ? GapFigures.Of(row.EvalT1!) : null;
        if (context.Json)
        {
            context.WriteJsonLine(new { run = result.Manifest.Name, eval = row.Eval, evalT1 = row.EvalT1, gap = figures });
        }
        else if (figures is not null)
        {
            figures.Write(context.Console);
        }
        else
        {
            Write(context.Console, row);
        }

        return figures is { Missing.Count: > 0 } ? ExitCode.Failed : exit;
    }

    private static void Write(IAnsiConsole console, MetricsRow row)
    {
        var table = new Table().Border(TableBorder.Rounded).BorderColor(Color.Grey).AddColumn("held-out");
        var columns = new List<EvaluationMetrics>();
        foreach (var (name, figures) in new[] { ("T=.7, top-p .8, top-k 20", row.Eval), ("T=1", row.EvalT1) })
        {
            if (figures is not null)
            {
                table.AddColumn(new TableColumn(name).RightAligned());
                columns.Add(figures);
            }
        }

        Add("questions x samples", e => string.Create(CultureInfo.InvariantCulture, $"{e.Questions} x {e.Samples}"));
        Add("Pass@1", e => Figures.Rate(e.Pass1));
        Add("any sample correct (Pass@k)", e => Figures.Rate(e.PassK));
        foreach (var category in columns.SelectMany(c => c.Pass1ByCategory.Keys).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal))
        {
            Add($"Pass@1, {category}", e => Figures.Rate(e.Pass1ByCategory.TryGetValue(category, out var v) ? v : null));
            Add($"Pass@k, {category}", e => Figures.Rate(e.PassKByCategory.TryGetValue(category, out var v) ? v : null));
        }

        Add("tool use", e => Figures.Rate(e.ToolUse));
        Add("accuracy with a call", e => Figures.Rate(e.AccuracyTool));
        Add("accuracy without", e => Figures.Rate(e.AccuracyNoTool));
        Add("subgroups all wrong, with a call", e => Figures.Rate(e.AllWrongTool));
        Add("subgroups all wrong, without", e => Figures.Rate(e.AllWrongNoTool));
        Add("void", e => Figures.Rate(e.VoidShare));
        console.Write(table);

        void Add(string label, Func<EvaluationMetrics, string> figure) => table.AddRow([label, .. columns.Select(figure)]);
    }
}
