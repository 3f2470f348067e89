using System.CommandLine;
using System.Globalization;
using Axpo.Client.Running;
using Axpo.Grains.Abstractions;
using Axpo.Silo.Runs;
using Spectre.Console;

namespace Axpo.Client.Commands;

/// <summary><c>axpo runs list</c>: reads files only.</summary>
internal static class RunsListCommand
{
    public static Command Create(CommandContext context) => new Command("list", "Lists the runs, newest first.").Does(async (_, cancellationToken) =>
    {
        var runs = await new RunOverviews(context.Folders).ListAsync(cancellationToken);
        if (context.Json)
        {
            context.WriteJson(runs.Select(r => new RunLine(r)));
            return ExitCode.Done;
        }

        if (runs.Count == 0)
        {
            context.Console.WriteLine($"There are no runs in {context.Folders.Root}. Begin with: axpo train");
            return ExitCode.Done;
        }

        var table = new Table().Border(TableBorder.Rounded).AddColumns("run", "kind", "algorithm", "state", "step", "Pass@1", "tool use", "created");
        foreach (var run in runs)
        {
            var evaluated = run.Rows.LastOrDefault(r => r.Eval is not null || r.EvalT1 is not null);
            table.AddRow(
                Markup.Escape(run.Manifest.Name),
                Formats.Name(run.Manifest.Kind),
                Markup.Escape(run.Manifest.Configuration.Algorithm),
                State(run.State),
                Step(run),
                Figures.Rate((evaluated?.Eval ?? evaluated?.EvalT1)?.Pass1),
                Figures.Rate((evaluated?.EvalT1 ?? evaluated?.Eval)?.ToolUse),
                run.Manifest.Created.ToString("yyyy-MM-dd HH:mm", CultureInfo.InvariantCulture));
        }

        context.Console.Write(table);
        foreach (var run in runs.Where(r => r.State == RunState.OnCluster))
        {
            context.Console.MarkupLine($"{Markup.Escape(run.Manifest.Name)} lives on cluster '{Markup.Escape(run.Manifest.Cluster!)}', watch it with: [bold]axpo runs watch {Markup.Escape(run.Manifest.Name)} --connect HOST:PORT[/]");
        }

        foreach (var run in runs.Where(r => r.State is RunState.Interrupted or RunState.Failed or RunState.Paused or RunState.Cancelled))
        {
            context.Console.MarkupLine($"{Markup.Escape(run.Manifest.Name)} {How(run.State)}, resume with: [bold]{Markup.Escape(run.Resume!)}[/]");
        }

        return ExitCode.Done;
    });

    /// <summary>A state in colour.</summary>
    internal static string State(RunState state) => state switch
    {
        RunState.Running => "[aqua]running[/]",
        RunState.Interrupted => "[yellow]interrupted[/]",
        RunState.Failed => "[red]failed[/]",
        RunState.Paused => "[yellow]paused[/]",
        RunState.Cancelled => "[yellow]stopped[/]",
        RunState.Done => "[green]done[/]",
        RunState.OnCluster => "[aqua]on a cluster[/]",
        _ => "created",
    };

    private static string How(RunState state) => state switch
    {
        RunState.Failed => "has failed",
        RunState.Paused => "has paused",
        RunState.Cancelled => "was stopped",
        _ => "was interrupted",
    };

    /// <summary>Steps done and in all.</summary>
    internal static string Step(RunOverview run) =>
        run.Manifest.Kind == RunKind.Train ? string.Create(CultureInfo.InvariantCulture, $"{run.Step}/{run.Manifest.Configuration.Steps}") : "";

    private sealed record RunLine(string Name, RunKind Kind, RunState State, string Algorithm, string Model, int Step, int Steps, DateTimeOffset Created, int? Pid, double? Pass1, double? ToolUseT1, string? Resume)
    {
        public RunLine(RunOverview run)
            : this(run.Manifest.Name, run.Manifest.Kind, run.State, run.Manifest.Configuration.Algorithm, run.Manifest.Configuration.Model, run.Step, run.Manifest.Configuration.Steps, run.Manifest.Created, run.Process?.Pid,
                run.Rows.LastOrDefault(r => r.Eval is not null)?.Eval?.Pass1, run.Rows.LastOrDefault(r => r.EvalT1 is not null)?.EvalT1?.ToolUse, run.Resume)
        {
        }
    }
}
