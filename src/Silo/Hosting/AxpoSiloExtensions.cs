using Axpo.Environments;
using Axpo.Environments.Sandbox;
using Axpo.Environments.Tools.Python;
using Axpo.Environments.Tools.Search;
using Axpo.Grains;
using Axpo.Silo.Runs;
using Axpo.Silo.Storage;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Orleans.Hosting;
using Orleans.Serialization;
using Orleans.Storage;

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
            .AddAxpoEnvironments(e => e.Search = new WebSearchOptions { DefaultResults = tools.WebSearch.Results })
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
        services.AddSingleton<IRunServices, RunServices>();
        services.AddSingleton<ITrajectoryStore, FileTrajectoryStore>();
        services.AddSingleton<ITurnJournal, SqliteTurnJournal>();
        services.AddSingleton<IRunLog, FileRunLog>();
        services.AddKeyedSingleton<IGrainStorage>(GrainsOptions.Storage, (provider, _) => new FileGrainStorage(folders, provider.GetRequiredService<Serializer>()));
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
