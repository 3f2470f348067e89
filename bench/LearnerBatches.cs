using System.Globalization;
using Axpo.Core;

namespace Axpo.Bench;

/// <summary>Batches for the learner.</summary>
internal static class LearnerBatches
{
    private const int GroupSize = 8;

    /// <summary>Every token after the first (after the prompt, where there are behaviour log-probs) carries loss.</summary>
    public static UpdateBatch Of(int step, IReadOnlyList<int[]> sequences, IReadOnlyList<float[]>? behaviour = null) => new(
        string.Create(CultureInfo.InvariantCulture, $"b{step}"),
        step,
        Math.Max(1, sequences.Count / GroupSize),
        GroupSize,
        [.. sequences.Select((tokens, i) =>
        {
            var sampled = behaviour?[i].Length ?? tokens.Length - 1;
            var prompt = tokens.Length - sampled;
            return new TrainSequence
            {
                Id = new EpisodeId("bench", Phase.Train, step, i / GroupSize, i % GroupSize),
                Question = i / GroupSize,
                Tokens = tokens,
                IsLoss = [.. tokens.Select((_, t) => t >= prompt)],
                Weight = 1.0 / sequences.Count,
                Advantages = [.. tokens.Select((_, t) => t < prompt ? 0 : i % 2 == 0 ? 1.0 : -1.0)],
                BehaviorLogProbs = [.. tokens.Select((_, t) => t < prompt ? float.NaN : behaviour?[i][t - prompt] ?? -1f)],
            };
        })]);
}
