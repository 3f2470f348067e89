using Axpo.Silo.Runs;

namespace Axpo.Silo.Reports;

/// <summary>A figure of the first evaluation and of the newest one; null where it is not known.</summary>
public sealed record BeforeAfter(double? Before, double? After);

/// <summary>Gain in held-out Pass@1 with its paired bootstrap interval over questions.</summary>
/// <param name="Questions">Questions that both evaluations asked.</param>
/// <param name="Samples">Samples a question.</param>
/// <param name="Before">Mean before, over these questions.</param>
/// <param name="After">Mean after, over these questions.</param>
/// <param name="Mean">Mean gain.</param>
/// <param name="Low">Lower end of the 95% interval.</param>
/// <param name="High">Upper end of the 95% interval.</param>
public sealed record PassGain(int Questions, int Samples, double Before, double After, double Mean, double Low, double High);

/// <summary>The figures that sum up a run. Pure.</summary>
public sealed record RunSummary
{
    /// <summary>Steps done.</summary>
    public int Steps { get; init; }

    /// <summary>Gain in Pass@1; null with fewer than two evaluations.</summary>
    public PassGain? Gain { get; init; }

    /// <summary>Held-out Pass@1, the paper's sampling.</summary>
    public required BeforeAfter Pass1 { get; init; }

    /// <summary>Held-out Pass@K, the paper's sampling.</summary>
    public required BeforeAfter PassK { get; init; }

    /// <summary>Held-out tool use at temperature 1.</summary>
    public required BeforeAfter ToolUse { get; init; }

    /// <summary>Held-out all-wrong rate of tool-using subgroups at temperature 1.</summary>
    public required BeforeAfter AllWrongT1 { get; init; }

    /// <summary>All-wrong rate of tool-using subgroups before and after resampling, mean over the training steps that have both.</summary>
    public required BeforeAfter AllWrongTool { get; init; }

    /// <summary>Prefixes resampled.</summary>
    public int Prefixes { get; init; }

    /// <summary>Share of the resampled prefixes that recovered; null if none was resampled.</summary>
    public double? Recovery { get; init; }

    /// <summary>Episodes run: rollouts, continuations and evaluation samples.</summary>
    public long Episodes { get; init; }

    /// <summary>Tokens sampled in training steps.</summary>
    public long SampledTokens { get; init; }

    /// <summary>Tokens sampled in continuations, of those of the original rollouts; null without any.</summary>
    public double? ExtraTokenShare { get; init; }

    /// <summary>Sampled tokens a second of rollout and resampling time; null if no time was measured.</summary>
    public double? TokensPerSecond { get; init; }

    /// <summary>Seconds of all steps and evaluations.</summary>
    public double Seconds { get; init; }

    /// <summary>Sums up a run.</summary>
    /// <param name="manifest">What it was asked to do.</param>
    /// <param name="rows">Its metrics in order of steps.</param>
    public static RunSummary Of(RunManifest manifest, IReadOnlyList<MetricsRow> rows)
    {
        ArgumentNullException.ThrowIfNull(manifest);
        ArgumentNullException.ThrowIfNull(rows);
        var configuration = manifest.Configuration;
        EvaluationMetrics[] evals = [.. rows.Where(r => r.Eval is not null).Select(r => r.Eval!)];
        EvaluationMetrics[] evalsT1 = [.. rows.Where(r => r.EvalT1 is not null).Select(r => r.EvalT1!)];
        RolloutMetrics[] train = [.. rows.Where(r => r.Train is not null).Select(r => r.Train!)];
        RolloutMetrics[] resampled = [.. train.Where(t => t is { AllWrongToolBefore: not null, AllWrongToolAfter: not null })];
        RolloutMetrics[] judged = [.. train.Where(t => t.Recovery is not null)];
        var generating = rows.Sum(r => r.Timing is { } t ? t.Rollout + t.Resample : 0);
        var tokens = train.Sum(t => t.SampledTokens);
        return new RunSummary
        {
            Steps = rows.Count == 0 ? 0 : rows[^1].Step,
            Gain = GainOf(configuration.Seed, evals),
            Pass1 = Ends(evals, e => e.Pass1),
            PassK = Ends(evals, e => e.PassK),
            ToolUse = Ends(evalsT1, e => e.ToolUse),
            AllWrongT1 = Ends(evalsT1, e => e.AllWrongTool),
            AllWrongTool = resampled.Length == 0
                ? new BeforeAfter(null, null)
                : new BeforeAfter(resampled.Average(t => t.AllWrongToolBefore), resampled.Average(t => t.AllWrongToolAfter)),
            Prefixes = train.Sum(t => t.Prefixes),
            Recovery = judged.Length == 0 ? null : judged.Sum(t => t.Recovery!.Value * t.Prefixes) / judged.Sum(t => t.Prefixes),
            Episodes = train.Sum(t => (long)t.Rollouts + ((long)t.Prefixes * configuration.Resample.K)) + evals.Concat(evalsT1).Sum(e => (long)e.Questions * e.Samples),
            SampledTokens = tokens,
            ExtraTokenShare = tokens == 0 ? null : (double)train.Sum(t => t.ExtraTokens) / (tokens - train.Sum(t => t.ExtraTokens)),
            TokensPerSecond = generating > 0 && tokens > 0 ? tokens / generating : null,
            Seconds = rows.Sum(r => r.Timing is { } t ? t.Evaluation + (t.Step > 0 ? t.Step : t.Rollout + t.Resample + t.Update) : 0),
        };
    }

    private static BeforeAfter Ends(EvaluationMetrics[] evals, Func<EvaluationMetrics, double?> figure) =>
        new(evals.Length == 0 ? null : figure(evals[0]), evals.Length < 2 ? null : figure(evals[^1]));

    /// <summary>A shorter evaluation asks the first questions of a longer one, so the common ones are the first of both.</summary>
    private static PassGain? GainOf(ulong seed, EvaluationMetrics[] evals)
    {
        if (evals.Length < 2)
        {
            return null;
        }

        var common = Math.Min(evals[0].PerQuestion.Length, evals[^1].PerQuestion.Length);
        double[] before = evals[0].PerQuestion[..common];
        double[] after = evals[^1].PerQuestion[..common];
        int[] both = [.. Enumerable.Range(0, common).Where(q => !double.IsNaN(before[q]) && !double.IsNaN(after[q]))];
        if (both.Length == 0)
        {
            return null;
        }

        var (mean, low, high) = PairedBootstrap.Gain(before, after, ChanceKey.Root(seed).With("bootstrap"));
        return new PassGain(both.Length, evals[^1].Samples, both.Average(q => before[q]), both.Average(q => after[q]), mean, low, high);
    }
}
