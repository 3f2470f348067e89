namespace Axpo.Core;

/// <summary>The advantage estimators by name.</summary>
public static class AdvantageEstimators
{
    /// <summary>Every estimator that a run can name.</summary>
    public static IReadOnlyList<IAdvantageEstimator> All { get; } =
    [
        new GrpoAdvantage(),
        new MeanOnlyAdvantage(),
        new BatchScaledAdvantage(),
        new RlooAdvantage(),
        new LeaveOneOutAdvantage(),
        new ReinforcePlusPlusAdvantage(),
        new ReinforcePlusPlusBaselineAdvantage(),
        new OpoAdvantage(),
        new GpgAdvantage(),
        new PassKAdvantage("pass-k", scaled: true),
        new PassKAdvantage("pass-k-unscaled", scaled: false),
        new TreeAdvantage(),
    ];

    /// <summary>Known names.</summary>
    public static IReadOnlyList<string> Names { get; } = [.. All.Select(e => e.Name)];

    /// <summary>The estimator of a name.</summary>
    /// <exception cref="ArgumentException">There is none.</exception>
    public static IAdvantageEstimator Get(string name) =>
        All.FirstOrDefault(e => e.Name == name) ?? throw new ArgumentException($"objective.advantage = '{name}': unknown{NearestName.Hint(name, Names)}", nameof(name));
}
