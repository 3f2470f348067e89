namespace Axpo.Core.Tests.Algorithm.Branching;

/// <summary>Summaries of paths by the entropies of their turns.</summary>
internal static class Paths
{
    public static RolloutSummary Of(EpisodeId id, params double[] entropies) => Some.Summary(id.Question, id.Rollout, Outcome.Wrong) with { Id = id, TurnEntropies = entropies };

    public static RolloutSummary Of(int rollout, params double[] entropies) => Of(Some.Id(0, rollout), entropies);

    public static Branch Turn(int turn, int k = 0) => new(turn, k, BranchPoint.Turn);
}
