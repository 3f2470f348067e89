using Axpo.Training.Objectives;

namespace Axpo.Silo.Configuration;

/// <summary>Rules between the keys of a configuration, and names that must exist.</summary>
internal static class RunConfigurationRules
{
    /// <summary>Checks everything that one key's type and range do not say.</summary>
    /// <param name="configuration">The configuration.</param>
    /// <param name="given">Paths that a source set.</param>
    /// <param name="suites">Known suites; null: not checked.</param>
    /// <param name="report">Told of a path and what would be right.</param>
    public static void Check(RunConfiguration configuration, IReadOnlyCollection<string> given, IReadOnlyCollection<string>? suites, Action<string, string> report)
    {
        if (!AlgorithmPresets.Names.Contains(configuration.Algorithm))
        {
            report("algorithm", "unknown" + NearestName.Hint(configuration.Algorithm, AlgorithmPresets.Names));
        }

        if (!ConventionPresets.Names.Contains(configuration.Conventions))
        {
            report("conventions", "unknown" + NearestName.Hint(configuration.Conventions, ConventionPresets.Names));
        }

        if (!AdvantageEstimators.Names.Contains(configuration.Objective.Advantage))
        {
            report("objective.advantage", "unknown" + NearestName.Hint(configuration.Objective.Advantage, AdvantageEstimators.Names));
        }

        if (!PolicyLosses.Names.Contains(configuration.Objective.Loss))
        {
            report("objective.loss", "unknown" + NearestName.Hint(configuration.Objective.Loss, PolicyLosses.Names));
        }

        var tasks = configuration.Tasks;
        if (tasks.HorizonMax > 0 && tasks.HorizonMin > tasks.HorizonMax)
        {
            report("tasks.horizonMin", $"must be at most tasks.horizonMax, which is {tasks.HorizonMax}");
        }

        if (tasks.Questions is not null)
        {
            if (given.Contains("tasks.suites"))
            {
                report("tasks.questions", "is set beside tasks.suites; set one of them");
            }

            return;
        }

        if (suites is not null)
        {
            foreach (var name in tasks.Suites.Keys.Where(n => !suites.Contains(n)))
            {
                report("tasks.suites", $"there is no suite '{name}'{NearestName.Hint(name, suites)}");
            }
        }

        foreach (var (name, share) in tasks.Suites.Where(s => s.Value < 0))
        {
            report("tasks.suites", $"the share of '{name}' is {ConfigurationKey.Text(share)}; expected a number of at least 0");
        }

        if (!tasks.Suites.Values.Any(s => s > 0))
        {
            report("tasks.suites", "no suite has a share above 0; set at least one, for example tasks.suites.mental-arithmetic=1");
        }
    }
}
