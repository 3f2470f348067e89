namespace Axpo.Core;

/// <summary>
/// A token's return G_t = r_t + gamma G_(t+1), then <see cref="Whitening"/> over the loss tokens of the batch; no group baseline (REINFORCE++, arXiv:2501.03262 3; verl
/// <c>compute_reinforce_plus_plus_outcome_advantage</c>). A run has outcomes only: the reward stands on the last loss token. <see cref="Of"/> takes dense rewards too.
/// </summary>
public sealed class ReinforcePlusPlusAdvantage : IAdvantageEstimator
{
    /// <inheritdoc/>
    public string Name => "reinforce++";

    /// <inheritdoc/>
    public double[][] Estimate(IReadOnlyList<ScoredRollout> rollouts, ObjectiveOptions options)
    {
        ArgumentNullException.ThrowIfNull(rollouts);
        ArgumentNullException.ThrowIfNull(options);
        var rewards = rollouts.Select(r => new double[r.Tokens]).ToArray();
        for (var i = 0; i < rewards.Length; i++)
        {
            if (rewards[i].Length > 0)
            {
                rewards[i][^1] = rollouts[i].Reward;
            }
        }

        return Of(rewards, [.. rewards.Select(r => Enumerable.Repeat(true, r.Length).ToArray())], options.Gamma).Advantages;
    }

    /// <summary>Returns and whitened advantages of token rewards. Masked tokens are skipped, not discounted: they have return and advantage 0.</summary>
    /// <param name="rewards">Token rewards [rows][tokens].</param>
    /// <param name="mask">Loss tokens [rows][tokens].</param>
    /// <param name="gamma">Discount a loss token.</param>
    public static TokenAdvantages Of(IReadOnlyList<double[]> rewards, IReadOnlyList<bool[]> mask, double gamma)
    {
        ArgumentNullException.ThrowIfNull(rewards);
        ArgumentNullException.ThrowIfNull(mask);
        var returns = rewards.Select(r => new double[r.Length]).ToArray();
        for (var i = 0; i < returns.Length; i++)
        {
            var next = 0.0;
            for (var t = returns[i].Length - 1; t >= 0; t--)
            {
                if (mask[i][t])
                {
                    returns[i][t] = next = rewards[i][t] + (gamma * next);
                }
            }
        }

        var advantages = Whitening.Of(returns, mask);
        return new TokenAdvantages([.. advantages.Zip(mask, (row, m) => row.Zip(m, (a, keep) => keep ? a : 0).ToArray())], returns);
    }
}
