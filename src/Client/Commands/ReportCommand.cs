using System.CommandLine;
using Axpo.Client.Episodes;
using Axpo.Silo.Reports;
using Spectre.Console;

namespace Axpo.Client.Commands;

/// <summary><c>axpo report RUN</c>: one self-contained HTML page.</summary>
internal static class ReportCommand
{
    public static Command Create(CommandContext context)
    {
        var run = new Argument<string>("RUN") { Description = "Name of the run." };
        var output = new Option<string?>("--out") { Description = "File to write; default: report.html in the run's folder.", HelpName = "FILE" };
        var command = new Command("report", "Writes a run's report: one self-contained HTML page with curves, groups and trajectories.") { run, output };
        return command.Does(async (parsed, cancellationToken) =>
        {
            var path = await WriteAsync(context, parsed.GetRequiredValue(run), parsed.GetValue(output), cancellationToken);
            if (context.Json)
            {
                context.WriteJson(new { report = path });
            }
            else
            {
                context.Console.WriteLine($"report: {path}");
            }

            return ExitCode.Done;
        });
    }

    /// <summary>Writes a run's report, with its questions' answers.</summary>
    /// <returns>Path of the file.</returns>
    public static async Task<string> WriteAsync(CommandContext context, string run, string? output, CancellationToken cancellationToken)
    {
        await using var episodes = await EpisodeSource.OpenAsync(context, run, cancellationToken);
        return await RunReport.WriteAsync(context.Folders, run, output, episodes.QuestionsAsync, cancellationToken);
    }
}
