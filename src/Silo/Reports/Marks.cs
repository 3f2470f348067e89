namespace Axpo.Silo.Reports;

/// <summary>A rollout as a small mark: a square called a tool, a circle did not; filled is correct, hollow wrong, dashed void.</summary>
internal static class Marks
{
    private const int Most = 64;

    public static Markup Key { get; } = Markup.Of($"""
        <ul class="legend marks"><li><i class="m tool correct"></i>called a tool</li><li><i class="m plain correct"></i>did not</li><li><i class="m tool correct"></i><i class="m plain correct"></i>correct</li><li><i class="m tool wrong"></i><i class="m plain wrong"></i>wrong</li><li><i class="m plain void"></i>void</li></ul>
        """);

    public static Markup Row(IReadOnlyList<ReportRollout> rollouts) => Markup.Of(
        $"""<span class="row">{rollouts.Take(Most).Select(Of)}{(rollouts.Count > Most ? $" and {Figures.Count(rollouts.Count - Most)} more" : "")}</span>""");

    public static string Name(Outcome outcome) => outcome switch
    {
        Outcome.Correct => "correct",
        Outcome.Wrong => "wrong",
        _ => "void",
    };

    private static Markup Of(ReportRollout rollout)
    {
        var text = $"{rollout.Index}: {Name(rollout.Outcome)}, {(rollout.IsToolUsing ? "called a tool" : "no call")}{(rollout.Answer is { } a ? ", answered " + Figures.Cut(a, 60) : "")}";
        return Markup.Of($"""<i class="m {(rollout.IsToolUsing ? "tool" : "plain")} {Name(rollout.Outcome)}" role="img" aria-label="{text}" title="{text}"></i>""");
    }
}
