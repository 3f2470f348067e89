namespace Axpo.Core;

/// <summary>Advantages of resampled prefixes and their continuations (method.md, (2) to (4)), by the estimator that the ordinary ones come from.</summary>
internal sealed class PrefixAdvantages
{
    private readonly RunConfiguration _configuration;
    private readonly GroupAdvantage _estimator;

    /// <summary>Checks that the estimator can do it.</summary>
    /// <exception cref="ArgumentException">It needs more than one group.</exception>
    public PrefixAdvantages(RunConfiguration configuration)
    {
        _configuration = configuration;
        _estimator = AdvantageEstimators.Get(configuration.Objective.Advantage) as GroupAdvantage ?? throw new ArgumentException(
            $"objective.advantage = '{configuration.Objective.Advantage}': prefixes and continuations are groups of their own, which it has no advantage for; use one of "
            + $"{string.Join(", ", AdvantageEstimators.All.OfType<GroupAdvantage>().Select(e => e.Name))}, or resample.enabled = false",
            nameof(configuration));
    }

    /// <summary>(2): each continuation against its siblings.</summary>
    public double[] OfContinuations(ResampledPrefix prefix) => OfGroup(prefix.Continuations, Rewards(prefix.Continuations));

    /// <summary>(4): the group with only this source's reward replaced by the prefix's.</summary>
    /// <param name="group">The rollouts over which the statistics are formed.</param>
    /// <param name="source">Place of the source among them.</param>
    /// <param name="reward">The prefix's reward.</param>
    public double OfPrefix(Rollout[] group, int source, double reward)
    {
        var rewards = Rewards(group);
        rewards[source] = reward;
        return OfGroup(group, rewards)[source];
    }

    /// <summary>(3) and its variants, on correctness: what a prefix is credited with.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The rule credits nothing.</exception>
    public static double Reward(PrefixCredit credit, IReadOnlyList<Rollout> continuations)
    {
        var (n, correct) = (continuations.Count, continuations.Count(c => c.Outcome == Outcome.Correct));
        return credit switch
        {
            PrefixCredit.Indicator => correct > 0 ? 1 : 0,
            PrefixCredit.Mean => correct / (double)n,

            // Leaving out a failure leaves the successes, leaving out the only success leaves none.
            PrefixCredit.LeaveOneOut => correct == 1 && n > 1 ? (n - 1) / (double)n : correct > 0 ? 1 : 0,
            _ => throw new ArgumentOutOfRangeException(nameof(credit), credit, "resample.prefixCredit: has no reward"),
        };
    }

    private double[] Rewards(Rollout[] rollouts) => [.. rollouts.Select(r => RewardShaping.Of(r, _configuration))];

    private double[] OfGroup(Rollout[] rollouts, double[] rewards) =>
        _estimator.OfGroup(rewards, [.. rollouts.Select(r => Term.LossTokens(r, r.InheritedTokens, r.Tokens.Length))], _configuration.Objective);
}
