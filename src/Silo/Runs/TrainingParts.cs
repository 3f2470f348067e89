using Axpo.Silo.Storage;
using Axpo.Training.Chat;
using Axpo.Training.Generation;
using Axpo.Training.Learning;
using Microsoft.Extensions.Logging;

namespace Axpo.Silo.Runs;

/// <summary>Engine, learner and chat format of a run, from Training.</summary>
public sealed class TrainingParts(TimeProvider time, ILoggerFactory loggers, RunFolders folders, IImageStore? images = null) : IRunPartsFactory
{
    /// <inheritdoc/>
    public async Task<IPolicyEngine> StartEngineAsync(RunConfiguration configuration, CancellationToken cancellationToken) =>
        await PolicyEngine.StartAsync(configuration.Model, configuration.Engine, time, loggers.CreateLogger<PolicyEngine>(), new ThreadLayoutStore(folders.EngineThreads), images, cancellationToken);

    /// <inheritdoc/>
    public async Task<ILearner> StartLearnerAsync(RunConfiguration configuration, CancellationToken cancellationToken) =>
        await Learner.StartAsync(configuration.Model, configuration, images, cancellationToken);

    /// <inheritdoc/>
    public IChatFormat LoadChat(RunConfiguration configuration) => ChatFormats.FromFolder(configuration.Model, configuration.Chat);
}
