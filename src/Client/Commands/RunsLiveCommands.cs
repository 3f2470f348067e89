using System.CommandLine;
using Axpo.Client.Running;
using Axpo.Grains.Abstractions;
using Axpo.Silo.Hosting;
using Axpo.Silo.Runs;
using Axpo.Silo.Storage;
using Orleans.Runtime;
using Spectre.Console;

namespace Axpo.Client.Commands;

/// <summary><c>axpo runs watch|resume|cancel</c>: the runs commands that need a living run.</summary>
internal static class RunsLiveCommands
{
    /// <summary><c>watch</c></summary>
    public static Command Watch(CommandContext context)
    {
        var run = Name();
        return new Command("watch", "Watches a run that another process hosts; Ctrl-C ends the watching, not the run.") { run }.Does(async (parsed, cancellationToken) =>
        {
            var manifest = await ReadAsync(context, parsed.GetRequiredValue(run), cancellationToken);
            if (RunClaim.Holder(context.Folders, manifest.Name) is not { } process)
            {
                throw new PreflightException([new Problem("RUN", manifest.Name, $"is not under way in any process; see axpo runs show {manifest.Name}, or go on with: axpo runs resume {manifest.Name}")]);
            }

            await using var remote = await RemoteRun.ConnectAsync(process, manifest.Name, cancellationToken);
            try
            {
                var status = await RunFollower.FollowAsync(context, manifest, new FileRunLog(context.Folders), remote.Grain.WaitAsync, null);
                return status.HasEnded ? RunJob.Exit(context, status) : ExitCode.Done;
            }
            catch (Exception e) when (e is OrleansException or TimeoutException && RunClaim.Holder(context.Folders, manifest.Name) is null)
            {
                // Its process ended between two questions, as planned or not: the files say which.
                return Errors.Say(context, ExitCode.Done, $"run '{manifest.Name}' is no longer under way; see axpo runs show {manifest.Name}");
            }
        });
    }

    /// <summary><c>resume</c></summary>
    public static Command Resume(CommandContext context)
    {
        var run = Name();
        var export = RolloutCommand.ExportOption();
        var command = new Command("resume", "Goes on with a run that was killed, stopped or has failed; nothing that was stored is done again.") { run, export };
        HostOptions.AddTo(command);
        return command.Does(async (parsed, cancellationToken) =>
        {
            var manifest = await ReadAsync(context, parsed.GetRequiredValue(run), cancellationToken);
            var output = RolloutCommand.Output(parsed, export);
            if (output is not null && manifest.Kind != RunKind.Rollout)
            {
                throw new PreflightException([new Problem("--out", output, $"run '{manifest.Name}' is no batch of axpo rollout: there is nothing to export")]);
            }

            var result = await RunJob.ResumeAsync(context, manifest, HostOptions.Of(parsed));
            return manifest.Kind switch
            {
                RunKind.Train => await TrainCommand.FinishAsync(context, result),
                RunKind.Evaluate => EvalCommand.Finish(context, result, result.Rows is [.., { Eval: null }]),
                _ => await RolloutCommand.FinishAsync(context, result, output),
            };
        });
    }

    /// <summary><c>cancel</c></summary>
    public static Command Cancel(CommandContext context)
    {
        var run = Name();
        return new Command("cancel", "Asks a run to stop cleanly, whichever process hosts it; it can be resumed.") { run }.Does(async (parsed, cancellationToken) =>
        {
            var manifest = await ReadAsync(context, parsed.GetRequiredValue(run), cancellationToken);
            if (RunClaim.Holder(context.Folders, manifest.Name) is not { } process)
            {
                throw new PreflightException([new Problem("RUN", manifest.Name, "is not under way in any process: there is nothing to stop")]);
            }

            await using var remote = await RemoteRun.ConnectAsync(process, manifest.Name, cancellationToken);
            await remote.Grain.CancelAsync("stopped by axpo runs cancel");
            var status = await remote.Grain.StatusAsync();
            if (context.Json)
            {
                context.WriteJson(new { run = manifest.Name, step = status.Step });
            }
            else
            {
                context.Console.WriteLine($"run '{manifest.Name}' is stopping at step {status.Step}; go on with: axpo runs resume {manifest.Name}");
            }

            return ExitCode.Done;
        });
    }

    private static Argument<string> Name() => new("RUN") { Description = "Name of the run." };

    private static ValueTask<RunManifest> ReadAsync(CommandContext context, string run, CancellationToken cancellationToken) => new RunManifests(context.Folders).ReadAsync(run, cancellationToken);
}
