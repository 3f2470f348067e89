namespace Axpo.Core;

/// <summary>
/// Several rewards a rollout (GDPO, arXiv:2601.05242; TRL <c>multi_objective_aggregation="normalize_then_sum"</c>): each reward is standardised over its group, the sums are
/// standardised over the batch. A pure function, not registered: a run has one reward a rollout.
/// </summary>
public static class NormaliseThenSum
{
    /// <summary>Advantages of rollouts.</summary>
    /// <param name="rewards">Rewards [rollouts][rewards].</param>
    /// <param name="groups">Group of each rollout [rollouts].</param>
    /// <param name="options">Deviation, eps, singleton rule.</param>
    /// <returns>[rollouts].</returns>
    public static double[] Of(IReadOnlyList<double[]> rewards, IReadOnlyList<int> groups, ObjectiveOptions options)
    {
        ArgumentNullException.ThrowIfNull(rewards);
        ArgumentNullException.ThrowIfNull(groups);
        ArgumentNullException.ThrowIfNull(options);
        var sums = new double[rewards.Count];
        for (var k = 0; k < (rewards.Count == 0 ? 0 : rewards[0].Length); k++)
        {
            var column = rewards.Select((r, i) => new ScoredRollout(groups[i], r[k], 1)).ToArray();
            var own = column.ByGroup(members => GroupStatistics.Standardise([.. members.Select(i => column[i].Reward)], options.Ddof, options.Epsilon, options.Singleton));
            for (var i = 0; i < sums.Length; i++)
            {
                sums[i] += own[i];
            }
        }

        return GroupStatistics.Standardise(sums, options.Ddof, options.Epsilon, options.Singleton);
    }
}
