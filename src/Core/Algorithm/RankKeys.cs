namespace Axpo.Core;

/// <summary>Keys of <see cref="ResampleRanking.Random"/>: ascending keys are a seeded permutation, inside and between questions. Pure.</summary>
public static class RankKeys
{
    /// <summary>A number in (0, 1) for every rollout of a run: keyed chance of seed, step, question and rollout.</summary>
    public static Func<EpisodeId, double> Of(ulong runSeed)
    {
        var root = ChanceKey.Root(runSeed).With("resample.ranking");
        return id => root.With((ulong)id.Step).With((ulong)id.Question).With((ulong)id.Rollout).Uniform(0, 0);
    }
}
