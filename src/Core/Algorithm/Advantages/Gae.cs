namespace Axpo.Core;

/// <summary>
/// Generalised advantage estimation (arXiv:1506.02438 (16); verl <c>compute_gae_advantage_return</c>): d_t = r_t + gamma V_(t+1) - V_t, A_t = d_t + gamma lambda A_(t+1). A
/// pure function, not registered: a run has no critic that gives values.
/// </summary>
public static class Gae
{
    /// <summary>
    /// Whitened advantages and returns (advantage before whitening + value). A masked token carries the next value and advantage through; as in verl it keeps the
    /// advantage that passes it, whitened, and the loss does not see it.
    /// </summary>
    /// <param name="rewards">Token rewards [rows][tokens].</param>
    /// <param name="values">The critic's values [rows][tokens].</param>
    /// <param name="mask">Loss tokens [rows][tokens].</param>
    /// <param name="gamma">Discount a loss token.</param>
    /// <param name="lambda">Decay of the sum of differences.</param>
    public static TokenAdvantages Of(IReadOnlyList<double[]> rewards, IReadOnlyList<double[]> values, IReadOnlyList<bool[]> mask, double gamma, double lambda)
    {
        ArgumentNullException.ThrowIfNull(rewards);
        ArgumentNullException.ThrowIfNull(values);
        ArgumentNullException.ThrowIfNull(mask);
        var advantages = rewards.Select(r => new double[r.Length]).ToArray();
        for (var i = 0; i < advantages.Length; i++)
        {
            var (value, advantage) = (0.0, 0.0);
            for (var t = advantages[i].Length - 1; t >= 0; t--)
            {
                if (mask[i][t])
                {
                    advantage = rewards[i][t] + (gamma * value) - values[i][t] + (gamma * lambda * advantage);
                    value = values[i][t];
                }

                advantages[i][t] = advantage;
            }
        }

        return new TokenAdvantages(Whitening.Of(advantages, mask), [.. advantages.Zip(values, (a, v) => a.Zip(v, (x, y) => x + y).ToArray())]);
    }
}
