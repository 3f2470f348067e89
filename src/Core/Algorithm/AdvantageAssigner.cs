namespace Axpo.Core;

/// <summary>Advantages and weights of every token (method.md, (2) to (5) and the normalisation). Pure.</summary>
public static class AdvantageAssigner
{
    /// <summary>
    /// The batch of a step. Each term of the objective is a mean over its own tokens: a term of weight w over n loss tokens gives each of them w / n. An ordinary rollout
    /// and each selected prefix weigh 1/(B*N), each continuation too; a selected source appears as its prefix only, unless all of its continuations are void.
    /// </summary>
    /// <param name="id">Batch id.</param>
    /// <param name="step">Step that the batch makes.</param>
    /// <param name="groups">Rollouts [questions][N]; null where nothing is stored, which counts as void.</param>
    /// <param name="plan">What was resampled.</param>
    /// <param name="continuations">Continuations [selections][K]; null as above.</param>
    /// <param name="configuration">Objective, resampling and rewards.</param>
    public static UpdateBatch Assign(
        string id,
        int step,
        IReadOnlyList<IReadOnlyList<Rollout?>> groups,
        ResamplePlan plan,
        IReadOnlyList<IReadOnlyList<Rollout?>> continuations,
        RunConfiguration configuration)
    {
        ArgumentNullException.ThrowIfNull(groups);
        ArgumentNullException.ThrowIfNull(plan);
        ArgumentNullException.ThrowIfNull(continuations);
        ArgumentNullException.ThrowIfNull(configuration);
        var objective = configuration.Objective;
        var sequences = new List<TrainSequence>();
        var questions = objective.Denominator == LossDenominator.Valid ? Math.Max(1, groups.Count(g => g.Any(IsLive))) : groups.Count;
        for (var q = 0; q < groups.Count; q++)
        {
            var live = groups[q].Where(IsLive).Select(r => r!).ToArray();
            double[] rewards = [.. live.Select(r => GroupStatistics.Reward(r.Outcome))];
            var ordinary = GroupStatistics.Standardise(rewards, objective.Ddof, objective.Epsilon);
            var weight = 1.0 / (questions * (double)(objective.Denominator == LossDenominator.Valid ? Math.Max(1, live.Length) : groups[q].Count));
            for (var i = 0; i < live.Length; i++)
            {
                var selection = Array.FindIndex(plan.Selections, s => s.Source == live[i].Id);
                var siblings = selection < 0 ? [] : continuations[selection].Where(IsLive).Select(r => r!).ToArray();
                if (siblings.Length == 0)
                {
                    Add(sequences, live[i], q, 0, live[i].Tokens.Length, ordinary[i], weight);
                    continue;
                }

                double[] outcomes = [.. siblings.Select(r => GroupStatistics.Reward(r.Outcome))];
                double[] replaced = [.. rewards];
                replaced[i] = outcomes.Max();
                var prefix = GroupStatistics.Standardise(replaced, objective.Ddof, objective.Epsilon)[i];
                Add(sequences, live[i], q, 0, live[i].Calls[plan.Selections[selection].Boundary].PrefixEnd, prefix, weight);
                var own = GroupStatistics.Standardise(outcomes, objective.Ddof, objective.Epsilon);
                for (var k = 0; k < siblings.Length; k++)
                {
                    Add(sequences, siblings[k], q, siblings[k].InheritedTokens, siblings[k].Tokens.Length, own[k], weight);
                }
            }
        }

        return new UpdateBatch(id, step, groups.Count, configuration.Rollouts.GroupSize, sequences);
    }

    private static bool IsLive(Rollout? rollout) => rollout is { Outcome: not Outcome.Void };

    /// <summary>Adds the tokens [0, end) of a rollout, of which the sampled ones from <paramref name="from"/> on carry the term.</summary>
    private static void Add(List<TrainSequence> sequences, Rollout rollout, int question, int from, int end, double advantage, double weight)
    {
        var isLoss = new bool[end];
        foreach (var segment in rollout.Segments.Where(s => s.IsSampled))
        {
            for (var t = Math.Max(from, segment.Start); t < Math.Min(end, segment.End); t++)
            {
                isLoss[t] = true;
            }
        }

        if (!isLoss.Contains(true))
        {
            return;
        }

        sequences.Add(new TrainSequence
        {
            Id = rollout.Id,
            Question = question,
            Tokens = rollout.Tokens[..end],
            IsLoss = isLoss,
            Weight = weight,
            Advantages = [.. isLoss.Select(l => l ? advantage : 0.0)],
            BehaviorLogProbs = rollout.LogProbs[..end],
        });
    }
}
