namespace Axpo.Training.Generation;

/// <summary>
/// Deals a step's work to the workers. A piece of a prefill stays whole, for later rows read what earlier ones wrote: pieces go longest first onto the least loaded share;
/// decoded rows then fill the shares up to one level, neighbours together, for a group's prompt is then warm.
/// </summary>
internal static class WorkSharing
{
    /// <summary>Fills the shares.</summary>
    /// <param name="plan">The step.</param>
    /// <param name="shares">Empty shares, one a worker; those behind the last needed one stay empty.</param>
    /// <param name="rowsOfAWorker">Rows that one worker does before another helps.</param>
    public static void Deal(IReadOnlyList<StepWork> plan, IReadOnlyList<StepShare> shares, int rowsOfAWorker)
    {
        var helpers = Math.Clamp((plan.Sum(w => w.Rows) + rowsOfAWorker - 1) / rowsOfAWorker, 1, shares.Count);
        foreach (var piece in plan.Where(w => w.Rows > 1).OrderByDescending(w => w.Rows))
        {
            shares[Least(helpers, i => shares[i].Rows)].Add(piece);
        }

        var level = new int[helpers];
        for (var i = 0; i < helpers; i++)
        {
            level[i] = shares[i].Rows;
        }

        foreach (var _ in plan.Where(w => w.Rows == 1))
        {
            level[Least(helpers, i => level[i])]++;
        }

        var share = 0;
        foreach (var row in plan.Where(w => w.Rows == 1))
        {
            while (shares[share].Rows == level[share])
            {
                share++;
            }

            shares[share].Add(row);
        }
    }

    private static int Least(int count, Func<int, int> load)
    {
        var least = 0;
        for (var i = 1; i < count; i++)
        {
            if (load(i) < load(least))
            {
                least = i;
            }
        }

        return least;
    }
}
