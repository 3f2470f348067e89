using System.Globalization;

namespace Axpo.Silo.Comparisons;

/// <summary>A figure of each held-out question.</summary>
/// <param name="Id">Name for machines, for example <c>pass@4</c>.</param>
/// <param name="Title">Name for people.</param>
/// <param name="Of">The figure from samples, correct ones, samples with a call and correct ones of them; NaN where it has no denominator.</param>
/// <param name="Weight">What a question weighs in a mean, from the same counts; null: all the same.</param>
internal sealed record HeldOutMeasure(string Id, string Title, Func<int, int, int, int, double> Of, Func<int, int, int, int, double>? Weight = null)
{
    /// <summary>Share of the samples with a call that are correct.</summary>
    public static HeldOutMeasure RightWithCall { get; } = new("right-with-call", "right with a call", (_, _, calls, correct) => calls == 0 ? double.NaN : correct / (double)calls, (_, _, calls, _) => calls);

    /// <summary>Share of the samples without a call that are correct.</summary>
    public static HeldOutMeasure RightWithoutCall { get; } = new(
        "right-without-call",
        "right without",
        (samples, correct, calls, correctCalls) => samples == calls ? double.NaN : (correct - correctCalls) / (double)(samples - calls),
        (samples, _, calls, _) => samples - calls);

    /// <summary>Share of samples with a call.</summary>
    public static HeldOutMeasure ToolUse { get; } = new("tool-use", "tool use", (samples, _, calls, _) => samples == 0 ? double.NaN : calls / (double)samples);

    /// <summary>1 where a question has samples with a call and none of them is correct.</summary>
    public static HeldOutMeasure AllWrong { get; } = new("all-wrong-with-call", "all wrong with a call", (_, _, calls, correct) => calls == 0 ? double.NaN : correct == 0 ? 1 : 0);

    /// <summary>The unbiased estimate of pass@k.</summary>
    public static HeldOutMeasure Pass(int k) => new(
        string.Create(CultureInfo.InvariantCulture, $"pass@{k}"),
        string.Create(CultureInfo.InvariantCulture, $"Pass@{k}"),
        (samples, correct, _, _) => samples < k ? double.NaN : PassAtK.Of(samples, correct, k));

    /// <summary>What tables show, for a number of samples.</summary>
    public static IReadOnlyList<HeldOutMeasure> All(int samples) => [.. PassAtK.Shown.Where(k => k <= samples).Select(Pass), ToolUse, AllWrong, RightWithCall, RightWithoutCall];

    /// <summary>What is compared with the baseline: few, since every comparison costs the others some certainty.</summary>
    public static IReadOnlyList<HeldOutMeasure> Compared(HeldOutSampling sampling, int samples)
    {
        var most = PassAtK.Shown.Last(k => k <= samples);
        HeldOutMeasure[] passes = most == 1 ? [Pass(1)] : [Pass(1), Pass(most)];
        return sampling == HeldOutSampling.Paper ? passes : [.. passes, ToolUse, AllWrong];
    }

    /// <summary>The figure of each question [questions], of the first so many, or of those of a suite (NaN for the others).</summary>
    public double[] Each(EvaluationSummary evaluation, int questions, Func<int, bool>? where = null) =>
    [
        .. Enumerable.Range(0, Math.Min(questions, evaluation.Live.Length))
            .Select(q => where is null || where(q) ? Of(evaluation.Live[q], evaluation.Correct[q], evaluation.Calls[q], evaluation.CorrectCalls[q]) : double.NaN),
    ];

    /// <summary>Mean over the questions that have the figure; NaN if none has.</summary>
    public double Mean(EvaluationSummary evaluation, int questions, Func<int, bool>? where = null)
    {
        var (sum, weights) = (0.0, 0.0);
        foreach (var (q, value) in Each(evaluation, questions, where).Index().Where(v => !double.IsNaN(v.Item)))
        {
            var weight = Weight?.Invoke(evaluation.Live[q], evaluation.Correct[q], evaluation.Calls[q], evaluation.CorrectCalls[q]) ?? 1;
            sum += weight * value;
            weights += weight;
        }

        return weights == 0 ? double.NaN : sum / weights;
    }
}
