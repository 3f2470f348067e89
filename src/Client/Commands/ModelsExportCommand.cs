using System.CommandLine;
using System.Globalization;
using Axpo.Silo.Runs;
using Spectre.Console;

namespace Axpo.Client.Commands;

/// <summary><c>axpo models export</c>: the policy of a run as a Hugging Face folder.</summary>
internal static class ModelsExportCommand
{
    public static Command Create(CommandContext context)
    {
        var name = new Argument<string>("RUN") { Description = "Name of the run; it may be under way." };
        var step = new Option<int?>("--step") { Description = "Training step; default: the newest that is finished and stored.", HelpName = "N" };
        var output = new Option<string>("--out") { Description = "Folder to write; it must not exist.", HelpName = "FOLDER", Required = true };
        var merged = new Option<bool>("--merged") { Description = "Puts a LoRA run's adapter into the weights of its model: a whole model's folder. A run without an adapter gives one anyway." };
        return new Command("export", "Writes the policy of a run as a Hugging Face folder: a whole model's, or of a LoRA run the adapter's.") { name, step, output, merged }.Does(async (parsed, cancellationToken) =>
        {
            var run = await new RunOverviews(context.Folders).ReadAsync(parsed.GetRequiredValue(name), cancellationToken);
            var policy = await PolicyExport.WriteAsync(context.Folders, run, parsed.GetValue(step), parsed.GetValue(merged), parsed.GetRequiredValue(output), cancellationToken);
            if (context.Json)
            {
                context.WriteJson(new { run = run.Manifest.Name, step = policy.Step, folder = policy.Folder, isAdapter = policy.IsAdapter, checkpoint = policy.Checkpoint, model = policy.Model });
                return ExitCode.Done;
            }

            var what = policy.IsAdapter ? $"the adapter of {policy.Model}" : "a whole model";
            context.Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{policy.Folder} is written: step {policy.Step} of run '{run.Manifest.Name}', {what}"));
            context.Console.WriteLine($"use it: axpo eval --model {parsed.GetRequiredValue(output)}");
            return ExitCode.Done;
        });
    }
}
