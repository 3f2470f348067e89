namespace Axpo.Core;

/// <summary>
/// ReMax (arXiv:2310.10505; verl <c>compute_remax_outcome_advantage</c>): A_t = reward to go - the reward of a greedy rollout of the same question. A pure function, not
/// registered: a run makes no greedy rollout beside its group.
/// </summary>
public static class ReMax
{
    /// <summary>Advantages and returns. On masked tokens the reward to go stands without baseline, as in verl; the loss does not see them.</summary>
    /// <param name="rewards">Token rewards [rows][tokens]; those of masked tokens do not count.</param>
    /// <param name="mask">Loss tokens [rows][tokens].</param>
    /// <param name="baselines">Reward of the greedy rollout [rows].</param>
    public static TokenAdvantages Of(IReadOnlyList<double[]> rewards, IReadOnlyList<bool[]> mask, IReadOnlyList<double> baselines)
    {
        ArgumentNullException.ThrowIfNull(rewards);
        ArgumentNullException.ThrowIfNull(mask);
        ArgumentNullException.ThrowIfNull(baselines);
        var returns = rewards.Select(r => new double[r.Length]).ToArray();
        var advantages = rewards.Select(r => new double[r.Length]).ToArray();
        for (var i = 0; i < returns.Length; i++)
        {
            var next = 0.0;
            for (var t = returns[i].Length - 1; t >= 0; t--)
            {
                returns[i][t] = next += mask[i][t] ? rewards[i][t] : 0;
                advantages[i][t] = next - (mask[i][t] ? baselines[i] : 0);
            }
        }

        return new TokenAdvantages(advantages, returns);
    }
}
