using Axpo.Grains.Episodes;
using Axpo.Grains.Groups;
using Axpo.Grains.Hosting;
using Axpo.Grains.Placement;
using Axpo.Grains.Tools;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;
using Orleans.Configuration;
using Orleans.Hosting;
using Orleans.Placement;
using Orleans.Serialization;
using Orleans.Storage;

namespace Axpo.Grains;

/// <summary>Registration of the grains.</summary>
public static class AxpoGrainsExtensions
{
    /// <summary>
    /// Adds the grains' own services. The silo must provide: grain storage named <see cref="GrainsOptions.Storage"/> (any provider; states are written with Orleans' own
    /// serializer), a reminder service, and <see cref="IRunServices"/>, <see cref="ITrajectoryStore"/>, <see cref="ITurnJournal"/>, <see cref="IRunLog"/>.
    /// Pipelines of tools: <c>services.Configure&lt;ToolPipelineOptions&gt;("python", o => ...)</c>.
    /// </summary>
    public static ISiloBuilder AddAxpoGrains(this ISiloBuilder builder, Action<GrainsOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        var services = builder.Services;
        var options = services.AddOptions<GrainsOptions>().ValidateOnStart();
        if (configure is not null)
        {
            options.Configure(configure);
        }

        services.AddSingleton<IValidateOptions<GrainsOptions>>(new AnnotatedOptions<GrainsOptions>("Grains"));
        services.AddSingleton<IValidateOptions<ToolPipelineOptions>>(new AnnotatedOptions<ToolPipelineOptions>("Tools"));
        services.TryAddSingleton(TimeProvider.System);
        services.TryAddSingleton<ToolPipelines>();
        services.AddSingleton<SiloDrain>();
        services.AddSingleton<ILifecycleParticipant<ISiloLifecycle>>(provider => provider.GetRequiredService<SiloDrain>());
        services.TryAddSingleton<IEngineDirectory, ConfiguredEngines>();
        services.AddPlacementFilter<RoleFilter, RoleFilterDirector>(ServiceLifetime.Transient);
        services.AddKeyedSingleton<IGrainStorageSerializer>(GrainsOptions.Storage, (provider, _) => new OrleansGrainStorageSerializer(provider.GetRequiredService<Serializer>()));
        services.Configure<SiloMessagingOptions>(messaging => messaging.MaxEnqueuedRequestsHardLimit = MostEnqueued);
        services.AddOptions<GrainCollectionOptions>().Configure<IOptions<GrainsOptions>>((collection, grains) =>
        {
            foreach (var type in new[] { typeof(EpisodeGrain), typeof(GroupGrain), typeof(ToolGrain) })
            {
                collection.ClassSpecificCollectionAge[RuntimeTypeName(type)] = grains.Value.CollectionAge;
            }
        });
        return builder;
    }

    /// <summary>Requests that may wait for one grain; more are refused, and the callers, who ask again, slow down. Far above what the live episodes of a run can ask at once.</summary>
    private const int MostEnqueued = 50_000;

    // The key that Orleans looks up is the type's full name.
    private static string RuntimeTypeName(Type type) => type.FullName!;
}
