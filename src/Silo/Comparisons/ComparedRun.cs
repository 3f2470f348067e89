namespace Axpo.Silo.Comparisons;

/// <summary>A finished run with what it had cost by each of its steps. Pure.</summary>
internal sealed class ComparedRun
{
    private readonly Dictionary<int, (long Tokens, double Seconds)> _cost;

    public ComparedRun(CellSummary summary)
    {
        Summary = summary;
        _cost = new Dictionary<int, (long, double)> { [0] = (0, 0) };
        var (tokens, seconds) = (0L, 0.0);
        foreach (var step in summary.Steps)
        {
            tokens += step.RolloutTokens + step.ContinuationTokens;
            seconds += step.TrainingSeconds;
            _cost[step.Step] = (tokens, seconds);
        }

        (Tokens, Seconds) = (tokens, seconds);
    }

    public CellSummary Summary { get; }

    /// <summary>Tokens sampled in training, continuations included.</summary>
    public long Tokens { get; }

    /// <summary>Seconds of training, evaluations left out.</summary>
    public double Seconds { get; }

    /// <summary>Tokens sampled in training up to a step.</summary>
    public long TokensAt(int step) => _cost[step].Tokens;

    /// <summary>Seconds of training up to a step.</summary>
    public double SecondsAt(int step) => _cost[step].Seconds;

    /// <summary>Evaluations of a sampling, in order of steps.</summary>
    public IEnumerable<EvaluationSummary> Evaluations(HeldOutSampling sampling) => Summary.Evaluations.Where(e => e.Sampling == sampling);

    /// <summary>
    /// The evaluation that counts at a moment: the last one whose step began before as much had been spent, which is where a budget of tokens ends a run. There is no interpolation between evaluations, and the start is none of them.
    /// </summary>
    public EvaluationSummary? At(Moment moment, HeldOutSampling sampling, MatchedCost matched) => moment switch
    {
        Moment.Start => Evaluations(sampling).FirstOrDefault(e => e.Step == 0),
        Moment.Tokens => Evaluations(sampling).LastOrDefault(e => e.Step > 0 && TokensAt(e.Step - 1) < matched.Tokens),
        Moment.Seconds => Evaluations(sampling).LastOrDefault(e => e.Step > 0 && SecondsAt(e.Step - 1) < matched.Seconds),
        _ => Evaluations(sampling).LastOrDefault(),
    };
}

/// <summary>When runs are compared.</summary>
public enum Moment
{
    /// <summary>Before training.</summary>
    Start,

    /// <summary>At the end of each run.</summary>
    End,

    /// <summary>At equal numbers of generated tokens.</summary>
    Tokens,

    /// <summary>At equal seconds of training.</summary>
    Seconds,
}

/// <summary>What every run of a comparison has spent at least.</summary>
/// <param name="Tokens">Tokens sampled in training.</param>
/// <param name="Seconds">Seconds of training.</param>
public sealed record MatchedCost(long Tokens, double Seconds);
