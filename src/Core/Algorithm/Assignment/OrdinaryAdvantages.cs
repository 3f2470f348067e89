namespace Axpo.Core;

/// <summary>
/// Advantages that the estimator of <c>objective.advantage</c> forms over the whole batch: of the original rollouts, and of the continuations too where they join their question's
/// group (fresh rollouts, merged statistics).
/// </summary>
internal sealed class OrdinaryAdvantages
{
    private readonly Dictionary<EpisodeId, double[]> _byId;

    /// <summary>Forms them.</summary>
    public OrdinaryAdvantages(IReadOnlyList<QuestionRollouts> questions, RunConfiguration configuration)
    {
        var joins = configuration.Resample is { Start: ResampleStart.Fresh } or { Statistics: ResampleStatistics.Merged };
        (int Place, Rollout Rollout, int From)[] rollouts =
            [.. questions.SelectMany(q => q.Originals.Select(r => (q.Place, r, 0)).Concat(joins ? q.Continuations.Select(r => (q.Place, r, r.InheritedTokens)) : []))];
        ScoredRollout[] scored = [.. rollouts.Select(r =>
            new ScoredRollout(r.Place, RewardShaping.Of(r.Rollout, configuration), Term.LossTokens(r.Rollout, r.From, r.Rollout.Tokens.Length), r.Rollout.Id.Rollout))];
        var advantages = AdvantageEstimators.Get(configuration.Objective.Advantage).Estimate(scored, configuration.Objective);
        _byId = rollouts.Zip(advantages).ToDictionary(p => p.First.Rollout.Id, p => p.Second);
    }

    /// <summary>Advantages of a rollout's loss tokens.</summary>
    public double[] Of(Rollout rollout) => _byId[rollout.Id];
}
