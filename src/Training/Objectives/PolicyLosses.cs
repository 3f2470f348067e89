using Axpo.Core;

namespace Axpo.Training.Objectives;

/// <summary>The policy losses by name.</summary>
public static class PolicyLosses
{
    /// <summary>Every loss that a run can name.</summary>
    public static IReadOnlyList<IPolicyLoss> All { get; } = [new PpoLoss(), new GspoLoss(), new CispoLoss(), new PolicyGradientLoss(), new DroLoss(), new SapoLoss()];

    /// <summary>Known names.</summary>
    public static IReadOnlyList<string> Names { get; } = [.. All.Select(l => l.Name)];

    /// <summary>The loss of a name.</summary>
    /// <exception cref="ArgumentException">There is none.</exception>
    public static IPolicyLoss Get(string name) =>
        All.FirstOrDefault(l => l.Name == name) ?? throw new ArgumentException($"objective.loss = '{name}': unknown{NearestName.Hint(name, Names)}", nameof(name));
}
