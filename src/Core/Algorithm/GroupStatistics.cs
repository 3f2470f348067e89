namespace Axpo.Core;

/// <summary>Group-relative advantages (method.md): (r - mean) / (std + eps).</summary>
public static class GroupStatistics
{
    /// <summary>Standardises rewards; a singleton and a group without spread give exactly 0.</summary>
    /// <param name="rewards">Rewards [group].</param>
    /// <param name="ddof">Degrees of freedom of the deviation: 1 = sample.</param>
    /// <param name="epsilon">Added to the deviation.</param>
    /// <returns>Advantages [group].</returns>
    public static double[] Standardise(IReadOnlyList<double> rewards, int ddof, double epsilon)
    {
        ArgumentNullException.ThrowIfNull(rewards);
        var n = rewards.Count;
        var advantages = new double[n];
        if (n < 2 || rewards.Max() == rewards.Min())
        {
            return advantages;
        }

        var mean = rewards.Sum() / n;
        var deviation = Math.Sqrt(rewards.Sum(r => (r - mean) * (r - mean)) / (n - ddof));
        for (var i = 0; i < n; i++)
        {
            advantages[i] = (rewards[i] - mean) / (deviation + epsilon);
        }

        return advantages;
    }

    /// <summary>The reward of an outcome: 1 if correct, else 0. Void has none: it must not reach statistics.</summary>
    /// <exception cref="ArgumentException">The outcome is Void.</exception>
    public static double Reward(Outcome outcome) => outcome switch
    {
        Outcome.Correct => 1.0,
        Outcome.Wrong => 0.0,
        _ => throw new ArgumentException("a void rollout has no reward; leave it out of the statistics", nameof(outcome)),
    };
}
