namespace Axpo.Core;

/// <summary>A live rollout as an advantage estimator sees it; Void ones never reach one.</summary>
/// <param name="Group">Its question's place in the batch; rows of a group need not be adjacent.</param>
/// <param name="Reward">Its reward.</param>
/// <param name="Tokens">Its loss tokens.</param>
/// <param name="Tree">Its tree inside the group: rollouts that branched off the same initial one share it.</param>
public readonly record struct ScoredRollout(int Group, double Reward, int Tokens, int Tree = 0);

/// <summary>Forms the advantages of a batch from rewards. Pure; one file an estimator, registered in <see cref="AdvantageEstimators"/>.</summary>
public interface IAdvantageEstimator
{
    /// <summary>Name in <c>objective.advantage</c>.</summary>
    string Name { get; }

    /// <summary>Advantages of every loss token.</summary>
    /// <param name="rollouts">The batch [rollouts].</param>
    /// <param name="options">Deviation, eps, singleton rule, discount.</param>
    /// <returns>[rollouts][loss tokens].</returns>
    double[][] Estimate(IReadOnlyList<ScoredRollout> rollouts, ObjectiveOptions options);
}

/// <summary>An estimator that looks at one group at a time and gives every token of a rollout the same: what resampled prefixes and continuations need.</summary>
public abstract class GroupAdvantage : IAdvantageEstimator
{
    /// <inheritdoc/>
    public abstract string Name { get; }

    /// <summary>Advantages of a group.</summary>
    /// <param name="rewards">Rewards [group].</param>
    /// <param name="tokens">Loss tokens of each [group].</param>
    /// <param name="options">Deviation, eps, singleton rule.</param>
    /// <returns>[group].</returns>
    public abstract double[] OfGroup(IReadOnlyList<double> rewards, IReadOnlyList<int> tokens, ObjectiveOptions options);

    /// <inheritdoc/>
    public double[][] Estimate(IReadOnlyList<ScoredRollout> rollouts, ObjectiveOptions options)
    {
        ArgumentNullException.ThrowIfNull(rollouts);
        return rollouts.OverTokens(rollouts.ByGroup(m => OfGroup([.. m.Select(i => rollouts[i].Reward)], [.. m.Select(i => rollouts[i].Tokens)], options)));
    }
}
