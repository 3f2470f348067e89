namespace Axpo.Core;

/// <summary>What estimators share.</summary>
internal static class ScoredRollouts
{
    /// <summary>Figures formed group by group, in the order of the rollouts.</summary>
    /// <param name="rollouts">The batch [rollouts]; rows of a group need not be adjacent.</param>
    /// <param name="ofGroup">From the places of a group's members to their figures.</param>
    /// <returns>[rollouts].</returns>
    public static double[] ByGroup(this IReadOnlyList<ScoredRollout> rollouts, Func<int[], double[]> ofGroup) => rollouts.By(r => r.Group, ofGroup);

    /// <summary>Figures formed over the rollouts of equal key, in the order of the rollouts [rollouts].</summary>
    public static double[] By<TKey>(this IReadOnlyList<ScoredRollout> rollouts, Func<ScoredRollout, TKey> key, Func<int[], double[]> ofGroup)
    {
        var figures = new double[rollouts.Count];
        foreach (var group in Enumerable.Range(0, rollouts.Count).GroupBy(i => key(rollouts[i])))
        {
            int[] members = [.. group];
            var own = ofGroup(members);
            for (var i = 0; i < members.Length; i++)
            {
                figures[members[i]] = own[i];
            }
        }

        return figures;
    }

    /// <summary>Each reward minus its group's mean [rollouts].</summary>
    public static double[] Centre(this IReadOnlyList<ScoredRollout> rollouts, SingletonRule singleton) =>
        rollouts.ByGroup(members => GroupStatistics.Centre([.. members.Select(i => rollouts[i].Reward)], singleton));

    /// <summary>The same figure on every loss token of a rollout [rollouts][loss tokens].</summary>
    public static double[][] OverTokens(this IReadOnlyList<ScoredRollout> rollouts, IReadOnlyList<double> figures) =>
        [.. rollouts.Select((r, i) => Enumerable.Repeat(figures[i], r.Tokens).ToArray())];
}
