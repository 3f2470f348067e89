using System.Globalization;
using Axpo.Client.Episodes;
using Axpo.Grains.Abstractions;
using Axpo.Silo.Comparisons;
using Axpo.Silo.Hosting;
using Axpo.Silo.Runs;

namespace Axpo.Client.Running;

/// <summary>
/// Runs the cells of a comparison that have not finished, one after another in this process. What is finished is a summary on the disk; an interrupted run is resumed: killed at any time, the same command goes on.
/// </summary>
internal sealed class ComparisonJob(CommandContext context, ComparisonFile file, HostOptions host)
{
    /// <summary>Runs them.</summary>
    /// <param name="cells">All cells, in order.</param>
    /// <returns>Done; Stopped if the console was told to stop; Failed if a run failed, the others having been run.</returns>
    public async Task<ExitCode> RunAsync(IReadOnlyList<ComparisonCell> cells)
    {
        var (now, exit) = (cells.ToArray(), ExitCode.Done);
        for (var i = 0; i < now.Length; i++)
        {
            if (now[i].Summary is not null)
            {
                continue;
            }

            if (context.Stop.IsCancellationRequested)
            {
                return ExitCode.Stopped;
            }

            Say(now, i);
            if (now[i].Unfinished is not { State: RunState.Done } && await RunAsync(now[i]) is not ExitCode.Done and var code)
            {
                if (code == ExitCode.Stopped)
                {
                    return code;
                }

                exit = code;
                continue;
            }

            var summary = await SummaryAsync(now[i]);
            await new CellSummaries(file.Output).WriteAsync(summary, CancellationToken.None);
            now[i] = now[i] with { Summary = summary };
        }

        return exit;
    }

    private async Task<CellSummary> SummaryAsync(ComparisonCell cell)
    {
        await using var episodes = await EpisodeSource.OpenAsync(context, cell.Run, CancellationToken.None);
        return await CellSummarizer.ReadAsync(context.Folders, cell.Run, cell.Cell, episodes.QuestionsAsync, CancellationToken.None);
    }

    private async Task<ExitCode> RunAsync(ComparisonCell cell)
    {
        var request = new RunRequest { Kind = RunKind.Train };
        var result = cell.Unfinished is { } run
            ? await RunJob.ResumeAsync(context, run.Manifest, host)
            : await RunJob.StartAsync(context, cell.Run, RunKind.Train, cell.Configuration, request, host);
        return result.Status.Phase switch
        {
            RunPhase.Done => ExitCode.Done,
            RunPhase.Cancelled => ExitCode.Stopped,
            _ => Errors.Say(context, ExitCode.Failed, $"run '{cell.Run}' {Figures.Phase(result.Status.Phase)} at step {result.Status.Step.ToString(CultureInfo.InvariantCulture)}: {result.Status.Message}; the comparison goes on with the next cell"),
        };
    }

    private void Say(ComparisonCell[] cells, int i)
    {
        var (cell, left) = (cells[i], ComparisonTime.Left(cells));
        if (context.Json)
        {
            context.WriteJsonLine(new { cell = cell.Cell.Name, cell.Cell.Seed, run = cell.Run, number = i + 1, cells = cells.Length, secondsLeft = left });
            return;
        }

        var time = left is null ? "no estimate before the first cell has finished" : $"about {Figures.Time(left)} left";
        context.Output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"cell {i + 1} of {cells.Length}: {cell.Cell.Name}, seed {cell.Cell.Seed} (run {cell.Run}); {time}"));
    }
}
