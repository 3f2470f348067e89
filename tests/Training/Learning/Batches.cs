using Axpo.Core;

namespace Axpo.Training.Tests.Learning;

/// <summary>Batches of random sequences with prompts, observations and sampled spans.</summary>
internal static class Batches
{
    /// <param name="mismatch">Log-probs of the engine are those of a uniform policy plus one of these, by chance; null: all are -3.</param>
    public static UpdateBatch Random(int vocabulary, int questions, int perQuestion, ulong seed, string id = "b", int step = 1, double[]? mismatch = null)
    {
        var chance = ChanceKey.Root(seed).Stream();
        var sequences = new List<TrainSequence>();
        for (var q = 0; q < questions; q++)
        {
            for (var i = 0; i < perQuestion; i++)
            {
                var length = chance.Next(8, 40);
                var prompt = chance.Next(2, 5);
                var gap = chance.Next(prompt + 1, length - 2);
                bool Sampled(int t) => t >= prompt && t != gap;
                var advantage = (chance.NextDouble() * 4) - 2;
                sequences.Add(new TrainSequence
                {
                    Id = new EpisodeId("r", Phase.Train, step, q, i),
                    Question = q,
                    Tokens = [.. Enumerable.Range(0, length).Select(_ => chance.Next(vocabulary))],
                    IsLoss = [.. Enumerable.Range(0, length).Select(Sampled)],
                    Weight = 1.0 / (questions * perQuestion),
                    Advantages = [.. Enumerable.Range(0, length).Select(t => Sampled(t) ? advantage : 0)],
                    BehaviorLogProbs = [.. Enumerable.Range(0, length).Select(t => Sampled(t) ? Behaviour() : float.NaN)],
                });
            }
        }

        return new UpdateBatch(id, step, questions, perQuestion, sequences);

        float Behaviour() => mismatch is null ? -3f : (float)(mismatch[chance.Next(mismatch.Length)] - Math.Log(vocabulary));
    }
}
