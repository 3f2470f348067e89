namespace Axpo.Core;

/// <summary>
/// A = r - mean of the group's others = (r - mean) n / (n - 1) (RLOO, arXiv:2402.14740 (8)). Without others the singleton rule decides: verl's loop gives the reward, its
/// vectorised twin 0.
/// </summary>
public sealed class RlooAdvantage : GroupAdvantage
{
    /// <inheritdoc/>
    public override string Name => "rloo";

    /// <inheritdoc/>
    public override double[] OfGroup(IReadOnlyList<double> rewards, IReadOnlyList<int> tokens, ObjectiveOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        return Against(rewards, options.Singleton);
    }

    /// <summary>Each reward minus the mean of the others [group].</summary>
    internal static double[] Against(IReadOnlyList<double> rewards, SingletonRule singleton)
    {
        double n = rewards.Count;
        return [.. GroupStatistics.Centre(rewards, singleton).Select(c => n > 1 ? c * n / (n - 1) : c)];
    }
}
