using Axpo.Silo.Hosting;

namespace Axpo.Client.Running;

/// <summary>What a configuration leaves to this machine, settled before the run is stored: a resumed run is then the same run.</summary>
internal static class RunSettings
{
    /// <summary>The model's full path; in deterministic mode one thread for the learner, whose sums depend on how they are cut.</summary>
    public static RunConfiguration Resolve(RunConfiguration configuration) => configuration with
    {
        Model = ModelFolders.Resolve(configuration.Model),
        Learner = configuration.Engine.Deterministic && configuration.Learner.Threads == 0 ? configuration.Learner with { Threads = 1 } : configuration.Learner,
    };
}
