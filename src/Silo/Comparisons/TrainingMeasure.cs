namespace Axpo.Silo.Comparisons;

/// <summary>A figure of a whole training run.</summary>
/// <param name="Id">Name for machines.</param>
/// <param name="Title">Name for people.</param>
/// <param name="IsCount">Whether it is a count, not a rate.</param>
/// <param name="Of">The figure; NaN where it has no denominator.</param>
internal sealed record TrainingMeasure(string Id, string Title, bool IsCount, Func<ComparedRun, double> Of)
{
    /// <summary>Steps done.</summary>
    public static TrainingMeasure Steps { get; } = new("steps", "steps", true, r => r.Summary.Steps.Count);

    /// <summary>Tokens sampled.</summary>
    public static TrainingMeasure Tokens { get; } = new("generated-tokens", "generated tokens", true, r => r.Tokens);

    /// <summary>Those of continuations.</summary>
    public static TrainingMeasure Continuations { get; } = new("continuation-tokens", "of them in continuations", true, r => r.Summary.Steps.Sum(s => s.ContinuationTokens));

    /// <summary>Seconds of training.</summary>
    public static TrainingMeasure Seconds { get; } = new("training-seconds", "training, s", true, r => r.Seconds);

    /// <summary>All-wrong rate before resampling.</summary>
    public static TrainingMeasure AllWrongBefore { get; } = new("all-wrong-before", "all wrong with a call, before", false, r => Mean(r, s => s.AllWrongBefore));

    /// <summary>All-wrong rate after it.</summary>
    public static TrainingMeasure AllWrongAfter { get; } = new("all-wrong-after", "after", false, r => Mean(r, s => s.AllWrongAfter));

    /// <summary>Prefixes resampled.</summary>
    public static TrainingMeasure Prefixes { get; } = new("prefixes", "prefixes", true, r => r.Summary.Steps.Sum(s => s.Prefixes));

    /// <summary>Share of the prefixes that recovered.</summary>
    public static TrainingMeasure Recovery { get; } = new("recovery", "recovered", false, r => r.Summary.Steps.Where(s => s.Recovery is not null).ToArray() is { Length: > 0 } judged
        ? judged.Sum(s => s.Recovery!.Value * s.Prefixes) / judged.Sum(s => s.Prefixes)
        : double.NaN);

    /// <summary>Tokens of continuations for each recovered group.</summary>
    public static TrainingMeasure Price { get; } = new("tokens-per-recovered-group", "tokens per recovered group", true, r => r.Summary.Steps.Sum(s => s.RecoveredGroups) is > 0 and var groups
        ? r.Summary.Steps.Sum(s => s.ContinuationTokens) / (double)groups
        : double.NaN);

    /// <summary>Accuracy of the rollouts.</summary>
    public static TrainingMeasure Accuracy { get; } = new("accuracy", "accuracy", false, r => Mean(r, s => s.Accuracy));

    /// <summary>Tool use of the rollouts.</summary>
    public static TrainingMeasure ToolUse { get; } = new("tool-use", "tool use", false, r => Mean(r, s => s.ToolUse));

    /// <summary>All of them.</summary>
    public static IReadOnlyList<TrainingMeasure> All { get; } = [Steps, Tokens, Continuations, Seconds, Accuracy, ToolUse, AllWrongBefore, AllWrongAfter, Prefixes, Recovery, Price];

    private static double Mean(ComparedRun run, Func<StepSummary, double?> figure) => run.Summary.Steps.Select(figure).Where(v => v is not null).Select(v => v!.Value).DefaultIfEmpty(double.NaN).Average();
}
