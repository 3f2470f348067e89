using Axpo.Grains.Abstractions;
using Axpo.Silo.Hosting;
using Axpo.Silo.Runs;
using Axpo.Silo.Storage;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Axpo.Client.Running;

/// <summary>How a run that this process hosted ended.</summary>
/// <param name="Manifest">The run.</param>
/// <param name="Status">Where it stands.</param>
/// <param name="Rows">All its metrics rows.</param>
internal sealed record RunResult(RunManifest Manifest, RunStatus Status, IReadOnlyList<MetricsRow> Rows);

/// <summary>Hosts a run in this process from its start, or from its committed step, to its end.</summary>
internal static class RunJob
{
    /// <summary>A name that no run has yet.</summary>
    public static string NewName(CommandContext context, string stem)
    {
        var name = $"{stem}-{context.Time.GetLocalNow():yyyyMMdd-HHmmss}";
        for (var n = 2; File.Exists(context.Folders.Manifest(name)); n++)
        {
            name = $"{stem}-{context.Time.GetLocalNow():yyyyMMdd-HHmmss}-{n}";
        }

        return name;
    }

    /// <summary>Checks everything, then creates and hosts a run.</summary>
    /// <exception cref="PreflightException">Something is wrong; nothing was written.</exception>
    public static async Task<RunResult> StartAsync(CommandContext context, string name, RunKind kind, RunConfiguration configuration, RunRequest request, HostOptions host)
    {
        var problems = await Preflight.CheckAsync(configuration, context.Folders, name, null, PreflightHost.Of(kind, host.Cluster is null), context.Stop);
        if (problems.Count > 0)
        {
            throw new PreflightException(problems);
        }

        var manifest = new RunManifest
        {
            Name = name,
            Kind = kind,
            Created = context.Time.GetUtcNow(),
            ModelSha256 = await FileHashes.OfWeightsAsync(configuration.Model, context.Stop),
            QuestionsSha256 = configuration.Tasks.Questions is { } file ? await FileHashes.OfAsync([file], context.Stop) : null,
            Request = request,
            Configuration = configuration,
        };
        return host.Cluster is { } cluster
            ? await ConnectAsync(context, manifest with { Cluster = cluster.Name }, cluster, resume: false)
            : await HostAsync(context, manifest, host, h => h.StartRunAsync(manifest, request, context.Stop));
    }

    /// <summary>Goes on with a run.</summary>
    /// <exception cref="PreflightException">Something is wrong.</exception>
    public static async Task<RunResult> ResumeAsync(CommandContext context, RunManifest manifest, HostOptions host)
    {
        if (RunClaim.Holder(context.Folders, manifest.Name) is { } holder)
        {
            throw RunClaim.Taken(manifest.Name, holder);
        }

        var problems = (await Preflight.CheckAsync(manifest.Configuration, context.Folders, null, null, PreflightHost.Of(manifest.Kind, host.Cluster is null), context.Stop)).ToList();
        if (problems.Count == 0 && await FileHashes.OfWeightsAsync(manifest.Configuration.Model, context.Stop) != manifest.ModelSha256)
        {
            problems.Add(new Problem("model", manifest.Configuration.Model, $"has other weights than when run '{manifest.Name}' began; put the original ones back"));
        }

        if (problems.Count == 0 && manifest is { QuestionsSha256: { } asked, Configuration.Tasks.Questions: { } file } && await FileHashes.OfAsync([file], context.Stop) != asked)
        {
            problems.Add(new Problem("tasks.questions", file, $"has changed since run '{manifest.Name}' began; put the original file back"));
        }

        if (manifest.Cluster != host.Cluster?.Name)
        {
            problems.Add(manifest.Cluster is { } home
                ? new Problem("--connect", host.Cluster?.Name ?? "", $"run '{manifest.Name}' lives on cluster '{home}', where its state is; give --connect HOST:PORT --cluster {home}")
                : new Problem("--connect", host.Cluster!.Name, $"run '{manifest.Name}' was begun without a cluster and its state is in its folder; resume it without --connect"));
        }

        return problems.Count > 0
            ? throw new PreflightException(problems)
            : host.Cluster is { } cluster
                ? await ConnectAsync(context, manifest, cluster, resume: true)
                : await HostAsync(context, manifest, host, h => h.ResumeRunAsync(manifest));
    }

    /// <summary>Exit code of a run's end, with the line that says how to go on.</summary>
    /// <param name="context">The console.</param>
    /// <param name="status">Where the run stands.</param>
    /// <param name="more">Options of the command that would go on with it.</param>
    public static ExitCode Exit(CommandContext context, RunStatus status, string more = "")
    {
        var resume = $"axpo runs resume {status.Run}{more}{(context.Folders.Root == GlobalOptions.DefaultRuns ? "" : $" --runs {context.Folders.Root}")}";
        return status.Phase switch
        {
            RunPhase.Done => ExitCode.Done,
            RunPhase.Cancelled => Errors.Say(context, ExitCode.Stopped, $"run '{status.Run}' stopped at step {status.Step} ({status.Message}); go on with: {resume}"),
            RunPhase.Paused => Errors.Say(context, ExitCode.Failed, $"run '{status.Run}' paused after step {status.Step}: {status.Message}; after mending it, try them again and go on with: {resume}"),
            _ => Errors.Say(context, ExitCode.Failed, $"run '{status.Run}' failed at step {status.Step}: {status.Message}; after mending it, go on with: {resume}"),
        };
    }

    /// <summary>Has a cluster host a run, and follows it: the run goes on when this process ends.</summary>
    private static async Task<RunResult> ConnectAsync(CommandContext context, RunManifest manifest, Silo.Cluster.ClusterSettings cluster, bool resume)
    {
        await using var run = await ClusterRun.ConnectAsync(context, cluster, manifest.Name);
        if (!resume)
        {
            await new RunManifests(context.Folders).CreateAsync(manifest, context.Stop);
        }

        await run.BeginAsync(manifest.Request ?? new RunRequest { Kind = manifest.Kind }, resume);
        var metrics = new FileRunLog(context.Folders);
        var status = await RunFollower.FollowAsync(context, manifest, metrics, run.WaitAsync, () => run.CancelAsync("stopped from the console"));
        return new RunResult(manifest, status, await metrics.ReadAsync(manifest.Name, CancellationToken.None));
    }

    private static async Task<RunResult> HostAsync(CommandContext context, RunManifest manifest, HostOptions host, Func<AxpoHost, Task<HostedRun>> begin)
    {
        var folder = context.Folders.Of(manifest.Name);
        var (fresh, freshRoot) = (!Directory.Exists(folder), !Directory.Exists(context.Folders.Root));
        Directory.CreateDirectory(folder);
        var log = new FileLog(Path.Combine(folder, "axpo.log"), context.Time);
        await using var closing = log;
        try
        {
            await using var silo = await AxpoHost.StartAsync(
                new AxpoHostOptions
                {
                    RunsFolder = context.Folders.Root,
                    SiloPort = host.SiloPort,
                    GatewayPort = host.GatewayPort,
                    Tools = manifest.Configuration.Tools,
                    ConfigureLogging = logging => logging.AddProvider(log).SetMinimumLevel(LogLevel.Warning).AddFilter("Axpo", context.Verbose ? LogLevel.Debug : LogLevel.Information),
                },
                context.Stop);
            using var run = await begin(silo);
            var metrics = silo.Services.GetRequiredService<IRunLog>();
            var status = await RunFollower.FollowAsync(context, manifest, metrics, run.WaitAsync, () => run.CancelAsync("stopped from the console"));
            return new RunResult(manifest, status, await metrics.ReadAsync(manifest.Name, CancellationToken.None));
        }
        catch (Exception) when (fresh && !File.Exists(context.Folders.Manifest(manifest.Name)))
        {
            // It never began: nothing half-written stays.
            await log.DisposeAsync();
            Directory.Delete(folder, recursive: true);
            if (freshRoot && !Directory.EnumerateFileSystemEntries(context.Folders.Root).Any())
            {
                // Not if another run has begun there meanwhile.
                Directory.Delete(context.Folders.Root);
            }

            throw;
        }
    }
}
