namespace Axpo.Core;

/// <summary>
/// <see cref="ResampleAllocation.Sequential"/>: the budget of continuations is spent in waves. Every open prefix runs one continuation a wave and closes at its first
/// success or after K; what it saved opens the next prefixes of the ranking. An open prefix keeps its K reserved, so the budget is never exceeded. Pure: what runs next
/// depends on the outcomes so far alone, which is how a run goes on after a crash.
/// </summary>
public static class SequentialAllocation
{
    /// <summary>The next wave.</summary>
    /// <param name="candidates">Prefixes in the ranking.</param>
    /// <param name="budget">Prefixes of K continuations that the budget allows.</param>
    /// <param name="k">Most continuations a prefix.</param>
    /// <param name="outcomes">Outcomes of the prefixes opened so far, in order of the ranking [opened][continuations]. A Void one is spent and no success.</param>
    /// <returns>Places in the ranking whose next continuation runs; empty: nothing is left to do.</returns>
    public static int[] NextWave(int candidates, int budget, int k, IReadOnlyList<IReadOnlyList<Outcome>> outcomes)
    {
        ArgumentNullException.ThrowIfNull(outcomes);
        int[] open = [.. Enumerable.Range(0, outcomes.Count).Where(i => outcomes[i].Count < k && !outcomes[i].Contains(Outcome.Correct))];
        var spent = Enumerable.Range(0, outcomes.Count).Except(open).Sum(i => (long)outcomes[i].Count);
        var free = ((long)budget * k) - spent - ((long)open.Length * k);
        var fresh = (int)Math.Clamp(free / k, 0, candidates - outcomes.Count);
        return [.. open, .. Enumerable.Range(outcomes.Count, fresh)];
    }
}
