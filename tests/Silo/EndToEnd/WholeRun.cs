using System.Security.Cryptography;
using System.Text.Json;
using Axpo.Core;
using Axpo.Environments.Tools.Python;
using Axpo.Grains.Abstractions;
using Axpo.Silo.Hosting;
using Axpo.Silo.Runs;
using Axpo.Silo.Storage;
using Axpo.Testing;
using Microsoft.Extensions.DependencyInjection;
using Orleans.Hosting;
using Xunit;

namespace Axpo.Silo.Tests.EndToEnd;

/// <summary>A training run that went from start to end on the shipped parts: what it left behind, and what passed through engine and learner.</summary>
internal sealed class WholeRun
{
    private const string Name = "whole";

    /// <summary>Longest wait for the end of a run that takes some seconds.</summary>
    private static readonly TimeSpan Liveness = TimeSpan.FromMinutes(5);

    /// <summary>Two steps of 64 episodes with resampling, in deterministic mode.</summary>
    public static RunConfiguration Tiny { get; } = new()
    {
        Model = ModelFolders.Resolve("models/axpo-tiny-gap"),
        Steps = 2,
        Rollouts = new RolloutOptions { Questions = 8, GroupSize = 8, MaxLive = 16 },
        Resample = new ResampleOptions { K = 4 },
        Engine = new EngineOptions { Deterministic = true, MaxBatch = 16 },
        Learner = new LearnerOptions { Threads = 1 },
        Evaluation = new EvaluationOptions { Every = 0, FinalQuestions = 4, Samples = 2 },
    };

    public required RunConfiguration Configuration { get; init; }

    public required Recording Recording { get; init; }

    public required IReadOnlyList<MetricsRow> Rows { get; init; }

    public required IReadOnlyList<Rollout> Rollouts { get; init; }

    /// <summary>Hash of each weights and optimizer file, by its path below the run's checkpoints.</summary>
    public required IReadOnlyDictionary<string, string> Files { get; init; }

    /// <summary>Runs to the end; skips the test where python has no sandbox.</summary>
    public static async Task<WholeRun> RunAsync(RunConfiguration configuration, short silos = 1, int engines = 1)
    {
        await using (var python = new PythonTool(new PythonToolOptions()))
        {
            var probe = await python.ProbeAsync(TestContext.Current.CancellationToken);
            Assert.SkipUnless(probe.Works, $"python has no sandbox here: {probe.Detail}. {probe.Remedy}");
        }

        using var root = new TempFolder();
        var folders = new RunFolders(root.Path);
        await new RunManifests(folders).CreateAsync(
            new RunManifest { Name = Name, Kind = RunKind.Train, Created = DateTimeOffset.UnixEpoch, ModelSha256 = "", Configuration = configuration }, CancellationToken.None);
        var recording = new Recording();
        await using var cluster = await AxpoTestCluster.StartAsync(
            silo =>
            {
                silo.Services.AddAxpoTools(configuration.Tools);
                silo.Services.AddSingleton(folders).AddSingleton<RunManifests>().AddSingleton<TrainingParts>();
                silo.Services.AddSingleton<IRunPartsFactory>(p => new RecordedParts(p.GetRequiredService<TrainingParts>(), recording));
                silo.Services.AddSingleton<IRunServices, RunServices>();
            },
            o => (o.Silos, o.Grains) = (silos, g => g.Engines = [.. Enumerable.Range(0, engines).Select(e => $"{e}")]));
        var run = cluster.Grains.GetGrain<IRunGrain>(Name);
        await run.StartAsync(new RunRequest());
        var status = await EndAsync(run);
        Assert.True(status.Phase == RunPhase.Done, status.Message);
        return new WholeRun
        {
            Configuration = configuration,
            Recording = recording,
            Rows = await cluster.Log.ReadAsync(Name, CancellationToken.None),
            Rollouts = await cluster.Trajectories.ListAsync(Name, null, null, CancellationToken.None).ToListAsync(),
            Files = Directory.EnumerateFiles(folders.Checkpoints(Name), "*.safetensors", SearchOption.AllDirectories).Order(StringComparer.Ordinal)
                .ToDictionary(f => Path.GetRelativePath(folders.Checkpoints(Name), f), f => Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(f)))),
        };
    }

    /// <summary>Everything that must not differ between equal runs, a line each.</summary>
    public IReadOnlyList<string> Trace() =>
    [
        .. Rows.Select(r => JsonSerializer.Serialize(r with { Timing = null }, AxpoJson.Line)),
        .. Rollouts.Select(r => JsonSerializer.Serialize(r, AxpoJson.Line)),
        .. Recording.Batches.OrderBy(b => b.Step).Select(b => JsonSerializer.Serialize(b, AxpoJson.Line)),
        .. Files.Select(f => $"{f.Key} {f.Value}"),
    ];

    private static async Task<RunStatus> EndAsync(IRunGrain run)
    {
        using var limit = new CancellationTokenSource(Liveness);
        while (true)
        {
            var status = await run.WaitAsync(TimeSpan.FromSeconds(10));
            if (status.HasEnded)
            {
                return status;
            }

            Assert.False(limit.IsCancellationRequested, $"did not come: the end of the run; it stands at step {status.Step}, {status.Phase}, {status.Episodes} of {status.EpisodesPlanned} episodes");
        }
    }
}

/// <summary>One silo, 16 live episodes: what every other arrangement must equal. Run once, by the first test that asks.</summary>
public sealed class Baseline
{
    private readonly Lazy<Task<WholeRun>> _run = new(() => WholeRun.RunAsync(WholeRun.Tiny));

    internal Task<WholeRun> RunAsync() => _run.Value;
}
