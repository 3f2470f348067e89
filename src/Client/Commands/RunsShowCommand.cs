using System.CommandLine;
using System.Globalization;
using Axpo.Client.Running;
using Axpo.Silo.Configuration;
using Axpo.Silo.Runs;
using Axpo.Silo.Storage;
using Spectre.Console;

namespace Axpo.Client.Commands;

/// <summary><c>axpo runs show</c>: reads files only.</summary>
internal static class RunsShowCommand
{
    private const int RowsShown = 12;

    public static Command Create(CommandContext context)
    {
        var name = new Argument<string>("RUN") { Description = "Name of the run." };
        return new Command("show", "Shows a run: state, configuration, metrics, drop ledger.") { name }.Does(async (parsed, cancellationToken) =>
        {
            var run = await new RunOverviews(context.Folders).ReadAsync(parsed.GetRequiredValue(name), cancellationToken);
            var drops = await new FileRunLog(context.Folders).ReadDropsAsync(run.Manifest.Name, cancellationToken);
            if (context.Json)
            {
                context.WriteJson(new
                {
                    name = run.Manifest.Name,
                    kind = run.Manifest.Kind,
                    state = run.State,
                    message = run.Message,
                    step = run.Step,
                    steps = run.Manifest.Configuration.Steps,
                    created = run.Manifest.Created,
                    process = run.Process,
                    resume = run.Resume,
                    modelSha256 = run.Manifest.ModelSha256,
                    configuration = run.Manifest.Configuration,
                    metrics = run.Rows,
                    drops,
                });
                return ExitCode.Done;
            }

            Write(context, run, drops);
            return ExitCode.Done;
        });
    }

    private static void Write(CommandContext context, RunOverview run, IReadOnlyList<DropRecord> drops)
    {
        var (manifest, console) = (run.Manifest, context.Console);
        var facts = new Grid().AddColumn(new GridColumn().NoWrap().PadRight(3)).AddColumn();
        facts.AddRow("run", $"[bold]{Markup.Escape(manifest.Name)}[/]");
        facts.AddRow("state", RunsListCommand.State(run.State) + (run.Process is { } process ? string.Create(CultureInfo.InvariantCulture, $" in process {process.Pid}") : "") + (run.Resume is { } resume ? $", resume with: [bold]{Markup.Escape(resume)}[/]" : ""));
        facts.AddRow("kind", Formats.Name(manifest.Kind));
        if (RunsListCommand.Step(run) is { Length: > 0 } step)
        {
            facts.AddRow("step", step);
        }

        facts.AddRow("created", manifest.Created.ToString("yyyy-MM-dd HH:mm:ss zzz", CultureInfo.InvariantCulture));
        facts.AddRow("folder", Markup.Escape(context.Folders.Of(manifest.Name)));
        foreach (var (path, value) in Changed(manifest.Configuration))
        {
            facts.AddRow(Markup.Escape(path), Markup.Escape(value));
        }

        if (run.Message is { } message)
        {
            facts.AddRow("because", Markup.Escape(message));
        }

        facts.AddRow("dropped", Markup.Escape(Dropped(drops)));
        console.Write(facts);
        WriteLedger(console, drops);
        WriteTraining(console, [.. run.Rows.Where(r => r.Train is not null)]);
        WriteEvaluations(console, [.. run.Rows.Where(r => r.Eval is not null || r.EvalT1 is not null)]);
    }

    private static string Dropped(IReadOnlyList<DropRecord> drops)
    {
        var last = drops.Where(d => d.IsLast).GroupBy(d => d.Cause).Select(g => $"{g.Count()} {Formats.Name(g.Key)}").ToArray();
        return last.Length == 0 ? "nothing" : string.Join(", ", last);
    }

    /// <summary>The ledger by cause: every Void attempt has a row in it.</summary>
    private static void WriteLedger(IAnsiConsole console, IReadOnlyList<DropRecord> drops)
    {
        if (drops.Count == 0)
        {
            return;
        }

        var table = new Table().Border(TableBorder.Rounded).Title("ledger of Void attempts").AddColumns("cause", "attempts", "stayed Void", "for example");
        foreach (var cause in drops.GroupBy(d => d.Cause).OrderByDescending(g => g.Count()).ThenBy(g => g.Key))
        {
            var example = cause.Last();
            table.AddRow(
                Formats.Name(cause.Key),
                cause.Count().ToString(CultureInfo.InvariantCulture),
                cause.Count(d => d.IsLast).ToString(CultureInfo.InvariantCulture),
                Markup.Escape($"{example.Episode}: {example.Detail}"));
        }

        console.Write(table);
    }

    /// <summary>What differs from the defaults; the model and the algorithm always.</summary>
    private static IEnumerable<(string Path, string Value)> Changed(RunConfiguration configuration)
    {
        var defaults = new RunConfiguration();
        foreach (var key in ConfigurationKey.Values)
        {
            var value = ConfigurationKey.Text(key.ValueIn(configuration));
            if (key.Path is "model" or "algorithm" or "seed" or "tasks.suites" || value != ConfigurationKey.Text(key.ValueIn(defaults)))
            {
                yield return (key.Path, value);
            }
        }
    }

    private static void WriteTraining(IAnsiConsole console, IReadOnlyList<MetricsRow> rows)
    {
        if (rows.Count == 0)
        {
            return;
        }

        var table = new Table().Border(TableBorder.Rounded).Title(rows.Count > RowsShown ? string.Create(CultureInfo.InvariantCulture, $"training, last {RowsShown} of {rows.Count} steps") : "training")
            .AddColumns("step", "accuracy", "tool use", "all wrong before", "after", "recovery", "loss", "KL", "entropy", "tokens/s");
        foreach (var row in rows.TakeLast(RowsShown))
        {
            table.AddRow(
                row.Step.ToString(CultureInfo.InvariantCulture),
                Figures.Rate(row.Train!.Accuracy),
                Figures.Rate(row.Train.ToolUse),
                Figures.Rate(row.Train.AllWrongToolBefore),
                Figures.Rate(row.Train.AllWrongToolAfter),
                Figures.Rate(row.Train.Recovery),
                Figures.Number(row.Update?.Loss, "G4"),
                Figures.Number(row.Update?.Kl, "G4"),
                Figures.Number(row.Train.Entropy, "G4"),
                Figures.Number(row.Timing?.TokensPerSecond, "F0"));
        }

        console.Write(table);
    }

    private static void WriteEvaluations(IAnsiConsole console, IReadOnlyList<MetricsRow> rows)
    {
        if (rows.Count == 0)
        {
            return;
        }

        var table = new Table().Border(TableBorder.Rounded).Title("held-out").AddColumns("step", "Pass@1", "Pass@k", "questions", "tool use at T=1", "all wrong with tool", "all wrong without");
        foreach (var row in rows)
        {
            var figures = (row.Eval ?? row.EvalT1)!;
            table.AddRow(
                row.Step.ToString(CultureInfo.InvariantCulture),
                Figures.Rate(figures.Pass1),
                Figures.Rate(figures.PassK),
                string.Create(CultureInfo.InvariantCulture, $"{figures.Questions} x {figures.Samples}"),
                Figures.Rate(row.EvalT1?.ToolUse),
                Figures.Rate(row.EvalT1?.AllWrongTool),
                Figures.Rate(row.EvalT1?.AllWrongNoTool));
        }

        console.Write(table);
    }
}
