namespace Axpo.Core;

/// <summary>Algorithm presets by name.</summary>
public static class Algorithms
{
    /// <summary>Known names.</summary>
    public static IReadOnlyList<string> Names { get; } = ["axpo", "grpo"];

    /// <summary>What a step of the configured algorithm resamples.</summary>
    /// <param name="configuration">Configuration; its algorithm decides.</param>
    /// <param name="groups">Rollouts [questions][N].</param>
    /// <exception cref="ArgumentException">The algorithm is unknown.</exception>
    public static ResamplePlan Plan(RunConfiguration configuration, IReadOnlyList<IReadOnlyList<RolloutSummary>> groups)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        ArgumentNullException.ThrowIfNull(groups);
        return configuration.Algorithm switch
        {
            "axpo" => ResamplePlanner.Plan(groups, configuration.Rollouts.GroupSize, configuration.Resample),
            "grpo" => new ResamplePlan([.. groups.Select(ResamplePlanner.IsTriggered)], 0, []),
            _ => throw new ArgumentException($"algorithm = '{configuration.Algorithm}': unknown; one of {string.Join(", ", Names)}", nameof(configuration)),
        };
    }
}
