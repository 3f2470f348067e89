namespace Axpo.Core;

/// <summary>Group-relative advantages (method.md): (r - mean) / (std + eps).</summary>
public static class GroupStatistics
{
    /// <summary>Standardises rewards; a group without spread gives exactly 0, a group of one what the rule says.</summary>
    /// <param name="rewards">Rewards [group].</param>
    /// <param name="ddof">Degrees of freedom of the deviation: 1 = sample.</param>
    /// <param name="epsilon">Added to the deviation.</param>
    /// <param name="singleton">What a group of one gets.</param>
    /// <returns>Advantages [group].</returns>
    public static double[] Standardise(IReadOnlyList<double> rewards, int ddof, double epsilon, SingletonRule singleton = SingletonRule.Zero) =>
        Scale(Centre(rewards, singleton), Deviation(rewards, ddof) + epsilon);

    /// <summary>Rewards minus their mean; a group without spread gives exactly 0 (no rounding of the mean is left), a group of one what the rule says.</summary>
    /// <param name="rewards">Rewards [group].</param>
    /// <param name="singleton">What a group of one gets.</param>
    /// <returns>[group].</returns>
    public static double[] Centre(IReadOnlyList<double> rewards, SingletonRule singleton)
    {
        ArgumentNullException.ThrowIfNull(rewards);
        if (rewards.Count == 1 && singleton == SingletonRule.Reward)
        {
            return [rewards[0]];
        }

        if (!HasSpread(rewards))
        {
            return new double[rewards.Count];
        }

        var mean = rewards.Sum() / rewards.Count;
        return [.. rewards.Select(r => r - mean)];
    }

    /// <summary>Deviation of rewards; exactly 0 without spread, 1 for a group of one, which has none.</summary>
    public static double Deviation(IReadOnlyList<double> rewards, int ddof)
    {
        ArgumentNullException.ThrowIfNull(rewards);
        if (rewards.Count < 2)
        {
            return 1;
        }

        if (!HasSpread(rewards))
        {
            return 0;
        }

        var mean = rewards.Sum() / rewards.Count;
        return Math.Sqrt(rewards.Sum(r => (r - mean) * (r - mean)) / (rewards.Count - ddof));
    }

    /// <summary>Whether not all rewards are equal.</summary>
    public static bool HasSpread(IReadOnlyList<double> rewards)
    {
        ArgumentNullException.ThrowIfNull(rewards);
        return rewards.Count > 1 && rewards.Max() != rewards.Min();
    }

    /// <summary>The reward of an outcome: 1 if correct, else 0. Void has none: it must not reach statistics.</summary>
    /// <exception cref="ArgumentException">The outcome is Void.</exception>
    public static double Reward(Outcome outcome) => outcome switch
    {
        Outcome.Correct => 1.0,
        Outcome.Wrong => 0.0,
        _ => throw new ArgumentException("a void rollout has no reward; leave it out of the statistics", nameof(outcome)),
    };

    /// <summary>Values divided by a deviation; what is 0 stays exactly 0, whatever the deviation.</summary>
    internal static double[] Scale(IReadOnlyList<double> values, double deviation) => [.. values.Select(v => v == 0 ? 0 : v / deviation)];
}
