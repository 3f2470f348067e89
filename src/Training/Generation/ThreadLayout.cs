namespace Axpo.Training.Generation;

/// <summary>How the engine deals a step to threads. In deterministic mode no result depends on it.</summary>
/// <param name="Workers">Worker threads, one intra-op thread each.</param>
/// <param name="RowsOfAWorker">Rows of a step that one worker does before another helps.</param>
internal sealed record ThreadLayout(int Workers, int RowsOfAWorker)
{
    /// <summary>Rows where nothing was measured.</summary>
    public const int UsualRows = 8;

    /// <summary>More than a few workers do not help a lockstep of small matrices.</summary>
    public static ThreadLayout Unmeasured => new(Math.Min(Environment.ProcessorCount, 4), UsualRows);
}

/// <summary>What a decode step took.</summary>
/// <param name="Workers">Workers that it was dealt to.</param>
/// <param name="Rows">Its rows.</param>
/// <param name="Seconds">By the clock.</param>
internal readonly record struct StepTime(int Workers, int Rows, double Seconds);

/// <summary>Chooses a layout by measured times.</summary>
internal static class ThreadLayoutChoice
{
    /// <summary>A difference that may be chance, as a share.</summary>
    public const double Noise = .05;

    /// <summary>
    /// The workers of the fastest step among those with the most rows, the fewest where several are as fast. One worker alone does steps up to the size at which two were last no faster.
    /// </summary>
    /// <param name="times">At least one; 1 and 2 workers at the same sizes.</param>
    public static ThreadLayout Of(IReadOnlyCollection<StepTime> times)
    {
        var most = times.Max(t => t.Rows);
        var large = times.Where(t => t.Rows == most).OrderBy(t => t.Workers).ToList();
        var workers = large.First(t => t.Seconds <= large.Min(l => l.Seconds) * (1 + Noise)).Workers;
        if (workers == 1)
        {
            return new ThreadLayout(1, ThreadLayout.UsualRows);
        }

        var one = times.Where(t => t.Workers == 1).ToDictionary(t => t.Rows, t => t.Seconds);
        var vain = times.Where(t => t.Workers == 2 && t.Rows < most && t.Seconds * (1 + Noise) > one[t.Rows]).Select(t => t.Rows);
        return new ThreadLayout(workers, vain.DefaultIfEmpty(1).Max());
    }
}
