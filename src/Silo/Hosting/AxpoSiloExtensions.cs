using Axpo.Environments;
using Axpo.Environments.Sandbox;
using Axpo.Environments.Tools.Python;
using Axpo.Environments.Tools.Search;
using Axpo.Grains;
using Axpo.Grains.Placement;
using Axpo.Silo.Cluster;
using Axpo.Silo.Runs;
using Axpo.Silo.Storage;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Orleans.Configuration;
using Orleans.Hosting;
using Orleans.Runtime.MembershipService.SiloMetadata;
using Orleans.Serialization;
using Orleans.Storage;
using StackExchange.Redis;

namespace Axpo.Silo.Hosting;

/// <summary>Registration of everything that a silo of Axpo holds.</summary>
public static class AxpoSiloExtensions
{
    /// <summary>Adds what Axpo ships for policies to do: suites, verifiers, <c>python</c> and <c>web_search</c>, as configured.</summary>
    public static IServiceCollection AddAxpoTools(this IServiceCollection services, ToolsOptions tools)
    {
        services.TryAddSingleton(new PythonToolOptions
        {
            DefaultTimeoutSeconds = tools.Python.TimeoutSeconds,
            MaxTimeoutSeconds = tools.Python.TimeoutSeconds,
            Sandbox = new SandboxOptions
            {
                Strategy = tools.Python.Sandbox,
                MemoryMebibytes = tools.Python.MemoryMebibytes,
                OutputBytes = tools.Python.OutputBytes,
            },
        });
        return services
            .AddAxpoEnvironments(e => e.Search = new WebSearchOptions { DefaultResults = tools.WebSearch.Results, Match = tools.WebSearch.Match })
            .AddTool<PythonTool>()
            .AddSingleton<SuiteCatalog>();
    }

    /// <summary>Adds grains, run services, tools, and stores in a folder of runs. Clustering and reminders are the caller's.</summary>
    public static ISiloBuilder AddAxpo(this ISiloBuilder silo, RunFolders folders, ToolsOptions tools)
    {
        silo.AddAxpoGrains();
        var services = silo.Services;
        services.AddAxpoTools(tools);
        services.Configure<ToolPipelineOptions>("python", o => Set(o, tools.Python.Pipeline));
        services.Configure<ToolPipelineOptions>("web_search", o => Set(o, tools.WebSearch.Pipeline));
        services.AddSingleton(folders);
        services.AddSingleton<RunManifests>();
        services.AddSingleton<IRunPartsFactory, TrainingParts>();
        services.AddSingleton<RunServices>();
        services.AddSingleton<IRunServices>(p => p.GetRequiredService<RunServices>());
        services.AddSingleton<ITrajectoryStore, FileTrajectoryStore>();
        services.AddSingleton<IImageStore, FileImageStore>();
        services.AddSingleton<ITurnJournal, SqliteTurnJournal>();
        services.AddSingleton<IRunLog>(new FileRunLog(folders));
        services.AddKeyedSingleton<IGrainStorage>(GrainsOptions.Storage, (provider, _) => new FileGrainStorage(folders, provider.GetRequiredService<Serializer>()));
        return silo;
    }

    /// <summary>
    /// Makes a silo part of a cluster: membership, grain states, reminders and the journal of turns in Redis; trajectories and weights in the shared folder of runs, each silo with a
    /// trajectory file of its own. To be called after <see cref="AddAxpo"/>.
    /// </summary>
    public static ISiloBuilder UseAxpoCluster(this ISiloBuilder silo, ClusterSettings cluster, int siloPort, int gatewayPort)
    {
        silo.UseRedisClustering(o => o.ConfigurationOptions = cluster.RedisOptions());
        silo.UseRedisReminderService(o => o.ConfigurationOptions = cluster.RedisOptions());
        silo.UseSiloMetadata(SiloRoles.Metadata(cluster.Silo, cluster.Roles));
        var services = silo.Services;
        services.Configure<Orleans.Configuration.ClusterOptions>(o => (o.ClusterId, o.ServiceId) = (cluster.Name, cluster.Name));
        services.Configure<SiloOptions>(o => o.SiloName = cluster.Silo);
        services.Configure<EndpointOptions>(o => (o.AdvertisedIPAddress, o.SiloPort, o.GatewayPort) = (cluster.Address, siloPort, gatewayPort));
        services.Configure<ClusterMembershipOptions>(o =>
        {
            o.ProbeTimeout = cluster.ProbeTimeout;
            o.NumMissedProbesLimit = cluster.MissedProbes;

            // By default a silo whose clock is over an hour ahead holds every silo that is just joining for long retired, itself included, and clears away the dead that a sleeper must find.
            o.SiloGenerationRetirementAge = null;
            o.MaxDefunctSiloEntries = null;
            o.DefunctSiloExpiration = TimeSpan.FromDays(7);
        });
        services.RemoveAllKeyed<IGrainStorage>(GrainsOptions.Storage);
        silo.AddRedisGrainStorage(GrainsOptions.Storage, options => options.Configure<Serializer>((o, serializer) =>
        {
            o.ConfigurationOptions = cluster.RedisOptions();
            o.GrainStorageSerializer = new OrleansGrainStorageSerializer(serializer);
        }));
        services.AddSingleton(cluster);
        services.AddSingleton<IConnectionMultiplexer>(_ => ConnectionMultiplexer.Connect(cluster.RedisOptions()));
        services.AddSingleton<SiloHealth>();
        services.AddSingleton<IReachability, SiloReachability>();
        services.AddHostedService<IsolationWatch>();
        services.AddSingleton<IRolloutClaims, RedisRolloutClaims>();
        services.Replace(ServiceDescriptor.Singleton<ITurnJournal, RedisTurnJournal>());
        services.Replace(ServiceDescriptor.Singleton<ITrajectoryStore>(p => new FileTrajectoryStore(p.GetRequiredService<RunFolders>(), writer: cluster.Silo, claims: p.GetRequiredService<IRolloutClaims>())));
        services.Replace(ServiceDescriptor.Singleton<IRunLog>(p => new FileRunLog(p.GetRequiredService<RunFolders>(), cluster.Silo)));
        services.Replace(ServiceDescriptor.Singleton<IEngineDirectory, SiloEngines>());
        return silo;
    }

    private static void Set(ToolPipelineOptions o, PipelineOptions from)
    {
        o.DeadlineSeconds = from.DeadlineSeconds;
        o.Retries = from.Retries;
        o.Concurrency = from.Concurrency;
        o.BreakerFailureRatio = from.BreakerFailureRatio;
    }
}
