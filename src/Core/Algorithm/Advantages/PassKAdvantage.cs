namespace Axpo.Core;

/// <summary>
/// Pass@k training (arXiv:2503.19595; verl <c>compute_grpo_passk_outcome_advantage</c>): the best of the group gets (best - second best) / (std + eps), every other 0, so that
/// two rollouts that share the best reward give 0. A group of one has no second best and gives 0 whatever the singleton rule (verl refuses it).
/// </summary>
/// <param name="name">Name in <c>objective.advantage</c>.</param>
/// <param name="scaled">Whether the difference is divided by std + eps (verl's <c>norm_adv_by_std_in_grpo</c>).</param>
public sealed class PassKAdvantage(string name, bool scaled) : GroupAdvantage
{
    /// <inheritdoc/>
    public override string Name => name;

    /// <inheritdoc/>
    public override double[] OfGroup(IReadOnlyList<double> rewards, IReadOnlyList<int> tokens, ObjectiveOptions options)
    {
        ArgumentNullException.ThrowIfNull(rewards);
        ArgumentNullException.ThrowIfNull(options);
        var advantages = new double[rewards.Count];
        if (GroupStatistics.HasSpread(rewards))
        {
            int[] order = [.. Enumerable.Range(0, rewards.Count).OrderByDescending(i => rewards[i])];
            advantages[order[0]] = (rewards[order[0]] - rewards[order[1]]) / (scaled ? GroupStatistics.Deviation(rewards, options.Ddof) + options.Epsilon : 1);
        }

        return advantages;
    }
}
