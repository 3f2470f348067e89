namespace Axpo.Core;

/// <summary>One term of the objective: the sampled tokens [From, End) of a rollout and the advantage of each.</summary>
/// <param name="Rollout">The rollout.</param>
/// <param name="From">First token that may carry loss: what a continuation inherited carries none, what a branch of its group shares does.</param>
/// <param name="End">One past the last token of the sequence: a selected source appears as its prefix only.</param>
/// <param name="Advantages">Advantages of its loss tokens, in order; there may be more of them, where the sequence was cut.</param>
internal sealed record Term(Rollout Rollout, int From, int End, double[] Advantages)
{
    /// <summary>A whole rollout of a group; a branch's shared prefix too, as in every rollout that shares it.</summary>
    public static Term Whole(Rollout rollout, double[] advantages) => new(rollout, 0, rollout.Tokens.Length, advantages);

    /// <summary>All that a continuation added.</summary>
    public static Term Own(Rollout rollout, double[] advantages) => new(rollout, rollout.InheritedTokens, rollout.Tokens.Length, advantages);

    /// <summary>The same advantage on every token of a range.</summary>
    public static Term Even(Rollout rollout, int from, int end, double advantage) => new(rollout, from, end, [.. Enumerable.Repeat(advantage, LossTokens(rollout, from, end))]);

    /// <summary>Tokens in [from, end) that the policy sampled.</summary>
    public static int LossTokens(Rollout rollout, int from, int end) =>
        rollout.Segments.Where(s => s.IsSampled).Sum(s => Math.Max(0, Math.Min(end, s.End) - Math.Max(from, s.Start)));

    /// <summary>The term as the learner wants it; null if it has no loss token.</summary>
    public TrainSequence? ToSequence(int question, double weight)
    {
        var isLoss = new bool[End];
        var advantages = new double[End];
        var next = 0;
        foreach (var segment in Rollout.Segments.Where(s => s.IsSampled))
        {
            for (var t = Math.Max(From, segment.Start); t < Math.Min(End, segment.End); t++)
            {
                isLoss[t] = true;
                advantages[t] = Advantages[next++];
            }
        }

        return next == 0 ? null : new TrainSequence
        {
            Id = Rollout.Id,
            Question = question,
            Tokens = Rollout.Tokens[..End],
            IsLoss = isLoss,
            Weight = weight,
            Advantages = advantages,
            BehaviorLogProbs = Rollout.LogProbs[..End],
            Images = [.. Rollout.Images.Where(image => image.End <= End)],
        };
    }
}
