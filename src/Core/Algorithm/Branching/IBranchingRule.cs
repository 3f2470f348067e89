namespace Axpo.Core;

/// <summary>
/// Says which rollouts of a group branch where, wave by wave. Pure: a wave depends on the summaries so far alone, which is how a run goes on after a crash.
/// </summary>
public interface IBranchingRule
{
    /// <summary>The branches of a wave.</summary>
    /// <param name="group">The group's rollouts so far in the order in which they were made: initial ones, then the branches of the waves before.</param>
    /// <param name="wave">The wave, from 0.</param>
    /// <returns>Ids of the branches, in order; empty: nothing branches in this wave; null: no wave is left.</returns>
    EpisodeId[]? Next(IReadOnlyList<RolloutSummary> group, int wave);
}
