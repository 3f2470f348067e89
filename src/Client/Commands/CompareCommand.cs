using System.CommandLine;
using System.Globalization;
using Axpo.Client.Running;
using Axpo.Silo.Comparisons;
using Axpo.Silo.Hosting;
using Spectre.Console;

namespace Axpo.Client.Commands;

/// <summary><c>axpo compare FILE</c>: algorithms by seeds, cell by cell, with tables, plots and a page of what they came to.</summary>
internal static class CompareCommand
{
    public static Command Create(CommandContext context)
    {
        var path = new Argument<string>("FILE") { Description = "A JSON file that names algorithms and seeds (docs/comparing.md)." };
        var render = new Option<bool>("--render") { Description = "Runs nothing: writes tables, plots and page again from the stored summaries." };
        var dryRun = new Option<bool>("--dry-run") { Description = "Runs nothing and writes nothing: lists the cells, what is done, and about how long the rest takes." };
        var command = new Command("compare", "Compares algorithms over seeds on the same held-out questions; goes on where it was interrupted.") { path, render, dryRun };
        HostOptions.AddPortsTo(command);
        return command.Does(async (parsed, cancellationToken) =>
        {
            var file = ComparisonFileReader.Read(parsed.GetRequiredValue(path));
            if (parsed.GetValue(render) && parsed.GetValue(dryRun))
            {
                throw new PreflightException([new Problem("--dry-run", "", "says what --render would not do; give one of them")]);
            }

            if (parsed.GetValue(render))
            {
                return await RenderAsync(context, file, ExitCode.Done);
            }

            foreach (var warning in file.Warnings)
            {
                Errors.Say(context, ExitCode.Done, $"warning: {warning}");
            }

            var (plan, cells) = await ComparisonCells.PlanAsync(context, file);
            if (parsed.GetValue(dryRun))
            {
                List(context, file, cells);
                return ExitCode.Done;
            }

            await plan.WriteAsync(file.Output, cancellationToken);
            var exit = await new ComparisonJob(context, file, HostOptions.Of(parsed)).RunAsync(cells);
            await RenderAsync(context, file, exit);
            return exit == ExitCode.Stopped
                ? Errors.Say(context, exit, $"comparison '{file.Name}' stopped; go on with: {plan.Command}{(context.Folders.Root == GlobalOptions.DefaultRuns ? "" : $" --runs {context.Folders.Root}")}")
                : exit;
        });
    }

    /// <summary>Writes the results of what has finished, and shows the differences at the end of the runs.</summary>
    private static async Task<ExitCode> RenderAsync(CommandContext context, ComparisonFile file, ExitCode exit)
    {
        var results = await ComparisonRenderer.WriteAsync(file.Output, CancellationToken.None);
        var page = Path.Combine(file.Output, "index.html");
        if (context.Json)
        {
            context.WriteJsonLine(new { comparison = results.Name, output = file.Output, page, missing = results.Missing, differences = results.Differences });
            return exit;
        }

        HeldOutDifference[] shown = [.. results.Differences.Where(d => d.Moment == Moment.End && d.Mean is not null)];
        if (shown.Length > 0)
        {
            var table = new Table().Border(TableBorder.Rounded).BorderColor(Color.Grey).AddColumns($"against {Markup.Escape(results.Baseline)}", "sampling", "measure")
                .AddColumn(new TableColumn("difference").RightAligned()).AddColumns("95% interval", "p corrected");
            foreach (var d in shown)
            {
                table.AddRow(
                    Markup.Escape(d.Name),
                    d.Sampling == HeldOutSampling.Paper ? "T .7" : "T 1",
                    d.Measure,
                    Figures.Signed(d.Mean!.Value),
                    $"{Figures.Signed(d.Low!.Value)} to {Figures.Signed(d.High!.Value)}",
                    Figures.Number(d.Corrected, "0.0000"));
            }

            context.Console.Write(table);
        }

        context.Console.WriteLine(results.Missing.Count == 0 ? $"results: {page}" : string.Create(CultureInfo.InvariantCulture, $"results: {page} ({results.Missing.Count} cells have not finished)"));
        return exit;
    }

    private static void List(CommandContext context, ComparisonFile file, IReadOnlyList<ComparisonCell> cells)
    {
        var left = ComparisonTime.Left(cells);
        if (context.Json)
        {
            context.WriteJson(new
            {
                comparison = file.Name,
                output = file.Output,
                cells = cells.Select(c => new { c.Cell.Name, c.Cell.Algorithm, c.Cell.Seed, c.Cell.Hash, c.Run, c.State, seconds = c.Summary?.Seconds ?? ComparisonTime.Of(c, cells) }),
                secondsLeft = left,
            });
            return;
        }

        var table = new Table().Border(TableBorder.Rounded).AddColumns("cell", "algorithm", "seed", "state").AddColumn(new TableColumn("time").RightAligned());
        foreach (var c in cells)
        {
            var time = c.Summary is { } done ? Figures.Time(done.Seconds) : ComparisonTime.Of(c, cells) is { } about ? "about " + Figures.Time(about) : "-";
            table.AddRow(Markup.Escape(c.Cell.Name), Markup.Escape(c.Cell.Algorithm), c.Cell.Seed.ToString(CultureInfo.InvariantCulture), c.About, time);
        }

        context.Console.Write(table);
        var todo = cells.Count(c => c.Summary is null);
        context.Console.WriteLine(todo == 0
            ? "All cells are done; axpo compare --render writes the results again."
            : string.Create(CultureInfo.InvariantCulture, $"{todo} of {cells.Count} cells to do, {(left is null ? "no estimate before the first one has finished" : $"about {Figures.Time(left)}")}."));
    }
}
