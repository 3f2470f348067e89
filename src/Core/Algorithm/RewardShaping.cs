namespace Axpo.Core;

/// <summary>The reward of a rollout: correctness, plus <c>rewards.toolTerm</c> if it holds at least one call, plus the soft overlong punishment. Pure.</summary>
public static class RewardShaping
{
    /// <summary>The reward of a rollout.</summary>
    /// <exception cref="ArgumentException">The rollout is Void: it has no reward.</exception>
    public static double Of(Rollout rollout, RunConfiguration configuration)
    {
        ArgumentNullException.ThrowIfNull(rollout);
        return Of(rollout.Outcome, rollout.IsToolUsing, rollout.Tokens.Length, configuration);
    }

    /// <summary>The reward of an outcome.</summary>
    /// <param name="outcome">How the episode ended.</param>
    /// <param name="isToolUsing">Whether it holds at least one call.</param>
    /// <param name="tokens">Tokens of the whole episode, as <c>rollouts.maxTokens</c> counts them.</param>
    /// <param name="configuration">Rewards and the token limit.</param>
    /// <exception cref="ArgumentException">The outcome is Void: it has no reward.</exception>
    public static double Of(Outcome outcome, bool isToolUsing, int tokens, RunConfiguration configuration)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        var options = configuration.Rewards;
        return GroupStatistics.Reward(outcome)
            + (isToolUsing ? options.ToolTerm : 0)
            - (options.OverlongPenalty * Overlong(tokens, configuration.Rollouts.MaxTokens, options.OverlongBuffer));
    }

    /// <summary>
    /// Share of the overlong punishment (DAPO, arXiv:2503.14476 (13)): 0 up to <paramref name="limit"/> - <paramref name="buffer"/> tokens, rising linearly to 1 at
    /// <paramref name="limit"/>, 1 beyond it; 0 without a buffer.
    /// </summary>
    /// <returns>In [0, 1].</returns>
    public static double Overlong(int tokens, int limit, int buffer) => buffer <= 0 ? 0 : Math.Clamp((tokens - (limit - (double)buffer)) / buffer, 0, 1);
}
