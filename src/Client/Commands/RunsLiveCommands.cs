using System.CommandLine;
using Axpo.Client.Running;
using Axpo.Grains.Abstractions;
using Axpo.Silo.Cluster;
using Axpo.Silo.Hosting;
using Axpo.Silo.Runs;
using Axpo.Silo.Storage;
using Orleans.Runtime;
using Spectre.Console;

namespace Axpo.Client.Commands;

/// <summary><c>axpo runs watch|resume|cancel</c>: the runs commands that need a living run.</summary>
internal static class RunsLiveCommands
{
    private const string Stopped = "stopped by axpo runs cancel";

    /// <summary><c>watch</c></summary>
    public static Command Watch(CommandContext context)
    {
        var run = Name();
        var command = new Command("watch", "Watches a run that another process, or a cluster, hosts; Ctrl-C ends the watching, not the run.") { run };
        HostOptions.AddClusterTo(command);
        return command.Does(async (parsed, cancellationToken) =>
        {
            var manifest = await ReadAsync(context, parsed.GetRequiredValue(run), cancellationToken);
            if (manifest.Cluster is not null)
            {
                await using var there = await ClusterRun.ConnectAsync(context, Cluster(parsed, manifest), manifest.Name);
                var now = await RunFollower.FollowAsync(context, manifest, new FileRunLog(context.Folders), there.WaitAsync, null);
                return now.HasEnded ? RunJob.Exit(context, now) : ExitCode.Done;
            }

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
            catch (Exception e) when (LostCalls.IsLost(e, context.Stop) && RunClaim.Holder(context.Folders, manifest.Name) is null)
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
        var command = new Command("cancel", "Asks a run to stop cleanly, whichever process hosts it; it can be resumed.") { run };
        HostOptions.AddClusterTo(command);
        return command.Does(async (parsed, cancellationToken) =>
        {
            var manifest = await ReadAsync(context, parsed.GetRequiredValue(run), cancellationToken);
            var status = manifest.Cluster is null ? await StopHereAsync(context, manifest, cancellationToken) : await StopThereAsync(context, parsed, manifest);
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

    private static async Task<RunStatus> StopHereAsync(CommandContext context, RunManifest manifest, CancellationToken cancellationToken)
    {
        if (RunClaim.Holder(context.Folders, manifest.Name) is not { } process)
        {
            throw new PreflightException([new Problem("RUN", manifest.Name, "is not under way in any process: there is nothing to stop")]);
        }

        await using var remote = await RemoteRun.ConnectAsync(process, manifest.Name, cancellationToken);
        await remote.Grain.CancelAsync(Stopped);
        return await remote.Grain.StatusAsync();
    }

    private static async Task<RunStatus> StopThereAsync(CommandContext context, ParseResult parsed, RunManifest manifest)
    {
        await using var run = await ClusterRun.ConnectAsync(context, Cluster(parsed, manifest), manifest.Name);
        await run.CancelAsync(Stopped);
        return await run.StatusAsync();
    }

    private static ClusterSettings Cluster(ParseResult parsed, RunManifest manifest) => HostOptions.ClusterOf(parsed) is { } cluster
        ? cluster with { Name = manifest.Cluster! }
        : throw new PreflightException([new Problem("--connect", "", $"run '{manifest.Name}' lives on cluster '{manifest.Cluster}'; give its Redis: --connect HOST:PORT")]);

    private static Argument<string> Name() => new("RUN") { Description = "Name of the run." };

    private static ValueTask<RunManifest> ReadAsync(CommandContext context, string run, CancellationToken cancellationToken) => new RunManifests(context.Folders).ReadAsync(run, cancellationToken);
}
