using Axpo.Grains;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Orleans.Hosting;
using Orleans.Serialization;
using Orleans.TestingHost;

namespace Axpo.Testing;

/// <summary>What a test cluster is made of.</summary>
public sealed class AxpoTestClusterOptions
{
    /// <summary>Silos.</summary>
    /// <value>1</value>
    public short Silos { get; set; } = 1;

    /// <summary>The grains' options; delays are short by default.</summary>
    public Action<GrainsOptions>? Grains { get; set; }

    /// <summary>Pipelines by tool.</summary>
    public Dictionary<string, Action<ToolPipelineOptions>> Pipelines { get; } = new(StringComparer.Ordinal);

    /// <summary>Time of the grains; Orleans itself keeps the system's.</summary>
    public TimeProvider Time { get; set; } = TimeProvider.System;

    /// <summary>Stores of an earlier cluster, as after a restart of every process; null: empty ones.</summary>
    public AxpoTestCluster? After { get; set; }

    /// <summary>Anything else of a silo.</summary>
    public Action<ISiloBuilder>? Silo { get; set; }
}

/// <summary>An in-process cluster of one to three silos on scripted parts, or on parts of each silo's own, with stores in the test's own memory.</summary>
public sealed class AxpoTestCluster : IAsyncDisposable
{
    private AxpoTestCluster(InProcessTestCluster cluster, MemoryTrajectoryStore trajectories, MemoryTurnJournal journal, MemoryRunLog log, SharedGrainStorage storage) =>
        (Cluster, Trajectories, Journal, Log, Storage) = (cluster, trajectories, journal, log, storage);

    /// <summary>The cluster.</summary>
    public InProcessTestCluster Cluster { get; }

    /// <summary>Grain factory of the client.</summary>
    public IGrainFactory Grains => Cluster.Client;

    /// <summary>Stored rollouts.</summary>
    public MemoryTrajectoryStore Trajectories { get; }

    /// <summary>Turns.</summary>
    public MemoryTurnJournal Journal { get; }

    /// <summary>Metrics and ledger.</summary>
    public MemoryRunLog Log { get; }

    /// <summary>Grain states.</summary>
    public SharedGrainStorage Storage { get; }

    /// <summary>Builds and starts a cluster whose silos share one instance of the parts.</summary>
    public static Task<AxpoTestCluster> StartAsync(IRunServices services, Action<AxpoTestClusterOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(services);
        var options = new AxpoTestClusterOptions();
        configure?.Invoke(options);
        return StartAsync(options, silo => silo.Services.AddSingleton(services));
    }

    /// <summary>Builds and starts a cluster whose silos register parts of their own (<see cref="IRunServices"/>), as separate processes would.</summary>
    public static Task<AxpoTestCluster> StartAsync(Action<ISiloBuilder> parts, Action<AxpoTestClusterOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(parts);
        var options = new AxpoTestClusterOptions();
        configure?.Invoke(options);
        return StartAsync(options, parts);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync() => await Cluster.DisposeAsync();

    private static async Task<AxpoTestCluster> StartAsync(AxpoTestClusterOptions options, Action<ISiloBuilder> parts)
    {
        var trajectories = options.After?.Trajectories ?? new MemoryTrajectoryStore();
        var journal = options.After?.Journal ?? new MemoryTurnJournal();
        var log = options.After?.Log ?? new MemoryRunLog();
        var storage = options.After?.Storage ?? new SharedGrainStorage();
        var builder = new InProcessTestClusterBuilder(options.Silos);
        builder.Options.ConfigureFileLogging = false;
        builder.Options.ServiceId = "axpo-test";
        builder.ConfigureSilo((_, silo) =>
        {
            silo.AddAxpoGrains(g =>
            {
                (g.AttemptDelay, g.BusyDelay, g.LostCallDelay) = (TimeSpan.FromMilliseconds(1), TimeSpan.FromMilliseconds(1), TimeSpan.FromMilliseconds(50));
                options.Grains?.Invoke(g);
            });
            silo.UseInMemoryReminderService();
            parts(silo);
            silo.Services.AddSingleton<ITrajectoryStore>(trajectories);
            silo.Services.AddSingleton<ITurnJournal>(journal);
            silo.Services.AddSingleton<IRunLog>(log);
            silo.Services.AddKeyedSingleton(GrainsOptions.Storage, (provider, _) => storage.For(provider.GetRequiredService<Serializer>()));
            if (options.Time != TimeProvider.System)
            {
                silo.Services.Replace(ServiceDescriptor.Singleton(options.Time));
                silo.Services.UseTimeProviderForBackgroundAreas(TimeProvider.System);
            }

            foreach (var (tool, pipeline) in options.Pipelines)
            {
                silo.Services.Configure(tool, pipeline);
            }

            options.Silo?.Invoke(silo);
        });
        var cluster = builder.Build();
        await cluster.DeployAsync();
        return new AxpoTestCluster(cluster, trajectories, journal, log, storage);
    }
}
