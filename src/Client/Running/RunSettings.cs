using Axpo.Silo.Hosting;

namespace Axpo.Client.Running;

/// <summary>What a configuration leaves to this machine, settled before the run is stored: a resumed run is then the same run.</summary>
internal static class RunSettings
{
    /// <summary>Full paths of the model and of a file of questions; in deterministic mode one thread for the learner, whose sums depend on how they are cut.</summary>
    public static RunConfiguration Resolve(RunConfiguration configuration) => configuration with
    {
        Model = ModelFolders.Resolve(configuration.Model),
        Tasks = configuration.Tasks.Questions is { } file ? configuration.Tasks with { Questions = Path.GetFullPath(file) } : configuration.Tasks,
        Learner = configuration.Engine.Deterministic && configuration.Learner.Threads == 0 ? configuration.Learner with { Threads = 1 } : configuration.Learner,
    };
}
