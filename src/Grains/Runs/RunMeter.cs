namespace Axpo.Grains.Runs;

/// <summary>Counts and rates of the phase under way; lives in memory only.</summary>
internal sealed class RunMeter(TimeProvider time)
{
    private readonly long _start = time.GetTimestamp();
    private long _phaseStart = time.GetTimestamp();
    private int _firstStep = -1;

    public int Planned { get; private set; }

    public int Episodes { get; private set; }

    public int Correct { get; private set; }

    public int ToolUsing { get; private set; }

    public int Void { get; private set; }

    public int Retries { get; private set; }

    public long SampledTokens { get; private set; }

    public double Seconds => time.GetElapsedTime(_start).TotalSeconds;

    public double PhaseSeconds => time.GetElapsedTime(_phaseStart).TotalSeconds;

    public double EpisodesPerSecond => Rate(Episodes);

    public double TokensPerSecond => Rate(SampledTokens);

    /// <summary>Begins to count a phase.</summary>
    public void Begin(int planned)
    {
        _phaseStart = time.GetTimestamp();
        (Planned, Episodes, Correct, ToolUsing, Void, Retries, SampledTokens) = (planned, 0, 0, 0, 0, 0, 0);
    }

    /// <summary>More episodes belong to the phase than were known at its begin.</summary>
    public void Expect(int more) => Planned += more;

    /// <summary>Counts finished episodes.</summary>
    public void Add(IEnumerable<RolloutSummary> rollouts)
    {
        foreach (var r in rollouts)
        {
            Episodes++;
            Correct += r.Outcome == Outcome.Correct ? 1 : 0;
            ToolUsing += r.IsToolUsing && r.Outcome != Outcome.Void ? 1 : 0;
            Void += r.Outcome == Outcome.Void ? 1 : 0;
            Retries += r.Attempts - 1;
            SampledTokens += r.SampledTokens;
        }
    }

    /// <summary>Seconds until the last step; null before the first step of this activation.</summary>
    public double? Left(int step, int steps)
    {
        if (_firstStep < 0)
        {
            _firstStep = step;
        }

        return step > _firstStep ? Seconds / (step - _firstStep) * (steps - step) : null;
    }

    private double Rate(double count) => PhaseSeconds is > 0 and var s ? count / s : 0;
}
