using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Axpo.Client.Running;
using Axpo.Grains.Abstractions;
using Axpo.Silo.Hosting;
using Axpo.Silo.Runs;
using Axpo.Silo.Storage;
using Axpo.Training.Chat;
using Spectre.Console;

namespace Axpo.Client.Commands;

/// <summary><c>axpo rollout</c>: launches a batch of episodes, stores it, and exports it as JSON lines.</summary>
internal static class RolloutCommand
{
    public static Command Create(CommandContext context)
    {
        var options = new ConfigurationOptions(context);
        var name = new Option<string?>("--name") { Description = "Name of the run; default: rollout and time.", HelpName = "NAME" };
        var suite = new Option<string?>("--suite") { Description = "Suite whose questions are asked.", HelpName = "NAME" };
        var questions = new Option<string?>("--questions") { Description = "A JSONL file of questions, in place of a suite (docs/questions.md).", HelpName = "FILE" };
        var count = new Option<int>("--count") { Description = "Questions.", HelpName = "N", DefaultValueFactory = _ => 16 };
        var samples = new Option<int>("--samples") { Description = "Rollouts of each question.", HelpName = "N", DefaultValueFactory = _ => 1 };
        var export = ExportOption();
        var command = new Command("rollout", "Launches a batch of episodes and stores it; --out exports it as JSON lines.") { name, suite, questions, count, samples, export };
        options.AddTo(command, "--algorithm", "--conventions", "--steps");
        HostOptions.AddTo(command);
        return command.Does(async (parsed, _) =>
        {
            var (asked, file) = (parsed.GetValue(suite), parsed.GetValue(questions));
            if (asked is not null && file is not null)
            {
                throw new PreflightException([new Problem("--questions", file, "cannot be given together with --suite; choose one")]);
            }

            var output = Output(parsed, export);
            List<(string, string)> more =
            [
                ("--count", string.Create(CultureInfo.InvariantCulture, $"rollouts.questions={parsed.GetValue(count)}")),
            ];
            if (parsed.GetValue(samples) is < 1 and var none)
            {
                throw new PreflightException([new Problem("--samples", string.Create(CultureInfo.InvariantCulture, $"{none}"), "must be at least 1")]);
            }

            if (asked is not null)
            {
                more.Add(("--suite", $"tasks.suites={JsonSerializer.Serialize(new Dictionary<string, int> { [asked] = 1 })}"));
            }

            if (file is not null)
            {
                more.Add(("--questions", $"tasks.questions={file}"));
            }

            var configuration = RunSettings.Resolve(options.Load(parsed, null, false, [.. more]).Configuration);
            var run = parsed.GetValue(name) ?? RunJob.NewName(context, "rollout");
            var result = await RunJob.StartAsync(context, run, RunKind.Rollout, configuration, new RunRequest { Kind = RunKind.Rollout, Samples = parsed.GetValue(samples) }, HostOptions.Of(parsed));
            return await FinishAsync(context, result, output);
        });
    }

    /// <summary><c>--out</c></summary>
    public static Option<string?> ExportOption() => new("--out") { Description = "Also exports the rollouts of the batch to this file, one JSON object a line, once it is done.", HelpName = "FILE" };

    /// <summary>The file to export to; null: none.</summary>
    /// <exception cref="PreflightException">It exists.</exception>
    public static string? Output(ParseResult parsed, Option<string?> option) => parsed.GetValue(option) is not { } output ? null
        : Path.Exists(output) ? throw new PreflightException([new Problem("--out", output, "exists; name another file")])
        : output;

    /// <summary>Figures and export of a batch that this process hosted.</summary>
    public static async Task<ExitCode> FinishAsync(CommandContext context, RunResult result, string? output)
    {
        var exit = RunJob.Exit(context, result.Status, output is null ? "" : $" --out {output}");
        if (exit != ExitCode.Done || result.Rows is not [.., { Train: { } figures } row])
        {
            return exit;
        }

        var exported = output is null ? 0 : await ExportAsync(context.Folders, result.Manifest, output);

        if (context.Json)
        {
            context.WriteJsonLine(new { run = result.Manifest.Name, rollouts = figures, timing = row.Timing, exported = output });
            return exit;
        }

        var grid = new Grid().AddColumn().AddColumn(new GridColumn().RightAligned());
        grid.AddRow("questions x rollouts", string.Create(CultureInfo.InvariantCulture, $"{figures.Questions} x {figures.Rollouts / Math.Max(1, figures.Questions)}"));
        grid.AddRow("correct", Figures.Rate(figures.Accuracy));
        grid.AddRow("with a call", Figures.Rate(figures.ToolUse));
        grid.AddRow("correct with a call", Figures.Rate(figures.AccuracyTool));
        grid.AddRow("correct without", Figures.Rate(figures.AccuracyNoTool));
        grid.AddRow("turns", Figures.Number(figures.Turns, "0.00"));
        grid.AddRow("void", Figures.Rate(figures.VoidShare));
        grid.AddRow("sampled tokens", Figures.Count(figures.SampledTokens));
        grid.AddRow("tokens a second", Figures.Count(row.Timing?.TokensPerSecond ?? 0));
        context.Console.Write(grid);
        if (output is not null)
        {
            context.Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"exported {exported} rollouts to {output}"));
        }

        context.Console.WriteLine($"look at one: axpo episodes show {result.Manifest.Name}/rollout/0/0/0");
        return exit;
    }

    /// <summary>One line a rollout: as it is stored, and its text for people.</summary>
    private static async Task<int> ExportAsync(RunFolders folders, RunManifest manifest, string output)
    {
        var chat = ChatFormats.FromFolder(manifest.Configuration.Model);
        using var buffer = new MemoryStream();
        var count = 0;
        await using var store = new FileTrajectoryStore(folders, readOnly: true);
        await foreach (var rollout in store.ListAsync(manifest.Name, Phase.Rollout, null, CancellationToken.None))
        {
            var line = JsonSerializer.SerializeToNode(rollout, AxpoJson.Line)!.AsObject();
            line["text"] = chat.Decode(rollout.Tokens);
            buffer.Write(JsonSerializer.SerializeToUtf8Bytes(line, AxpoJson.Line));
            buffer.WriteByte((byte)'\n');
            count++;
        }

        await AtomicFile.WriteAsync(output, buffer.ToArray(), CancellationToken.None);
        return count;
    }
}
