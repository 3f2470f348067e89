namespace Axpo.Core;

/// <summary>At which call of a failed rollout its prefix ends. Pure.</summary>
public static class Boundaries
{
    /// <summary>Index of the call.</summary>
    /// <param name="boundary">The rule.</param>
    /// <param name="source">The failed rollout; it holds at least one call.</param>
    /// <param name="group">The rollouts of its question.</param>
    public static int CallOf(Boundary boundary, RolloutSummary source, IReadOnlyList<RolloutSummary> group)
    {
        ArgumentNullException.ThrowIfNull(source);
        ArgumentNullException.ThrowIfNull(group);
        var confidences = source.CallConfidences;
        return boundary switch
        {
            Boundary.First => 0,
            Boundary.LeastConfident => Array.IndexOf(confidences, confidences.Min()),
            Boundary.LastBeforeFailure => confidences.Length - 1,
            Boundary.FirstError => Array.IndexOf(source.CallErrors, true) is >= 0 and var error ? error : confidences.Length - 1,
            Boundary.FirstDivergence => FirstDivergence(source, group),
            _ => throw new ArgumentOutOfRangeException(nameof(boundary), boundary, $"resample.boundary: unknown; one of {string.Join(", ", Enum.GetNames<Boundary>())}"),
        };
    }

    /// <summary>
    /// The first call whose observation is bad (error, empty, cut off) or differs from what the pool observed at the same depth. The pool is the group's correct
    /// tool-using rollouts, and then every other observation differs; where none is correct it is all the other tool-using ones, and then only what is not theirs differs from
    /// an observation that at least two of them share. Bad observations of the pool do not count. No such call: the last one.
    /// </summary>
    private static int FirstDivergence(RolloutSummary source, IReadOnlyList<RolloutSummary> group)
    {
        RolloutSummary[] others = [.. group.Where(r => r.Id != source.Id && r is { IsToolUsing: true, Outcome: not Outcome.Void })];
        RolloutSummary[] correct = [.. others.Where(r => r.Outcome == Outcome.Correct)];
        var pool = correct.Length > 0 ? correct : others;
        var calls = source.CallErrors.Length;
        for (var i = 0; i < calls; i++)
        {
            if (source.CallErrors[i])
            {
                return i;
            }

            ulong[] seen = [.. pool.Where(r => i < r.CallErrors.Length && !r.CallErrors[i]).Select(r => r.CallObservations[i])];
            var isJudge = correct.Length > 0 ? seen.Length > 0 : seen.GroupBy(o => o).Any(o => o.Count() > 1);
            if (isJudge && !seen.Contains(source.CallObservations[i]))
            {
                return i;
            }
        }

        return calls - 1;
    }
}
