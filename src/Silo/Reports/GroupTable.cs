using System.Globalization;

namespace Axpo.Silo.Reports;

/// <summary>The groups of the newest steps, one row a question.</summary>
internal static class GroupTable
{
    public static Markup Draw(ReportInput input)
    {
        var groups = input.Groups;
        if (groups.Count == 0)
        {
            return Markup.Empty;
        }

        var withPrefixes = groups.Any(g => g.Prefixes.Count > 0);
        return Markup.Of($"""
            <section id="groups"><h2>Groups</h2>
            <p class="about">{About(groups)}</p>
            {Marks.Key}
            <table class="groups">
            <thead><tr><th scope="col">Step</th><th scope="col">Question</th><th scope="col">Answer</th><th scope="col">Rollouts</th>{(withPrefixes ? Markup.Of($"""<th scope="col">Continuations of each prefix</th>""") : Markup.Empty)}<th scope="col">State</th></tr></thead>
            <tbody>
            {groups.Select(g => Row(g, withPrefixes))}</tbody></table></section>

            """);
    }

    /// <summary>The ground truth; where it is not known here, what a correct rollout answered is as good.</summary>
    public static string Truth(ReportGroup group) =>
        group.Truth ?? group.Rollouts.Concat(group.Prefixes.SelectMany(p => p.Continuations)).FirstOrDefault(r => r.Outcome == Outcome.Correct)?.Answer ?? Figures.None;

    public static Markup State(ReportGroup group) => group switch
    {
        { Prefixes.Count: > 0, Recovered: true } => Markup.Of($"""<span class="chip good">recovered</span>"""),
        { Prefixes.Count: > 0 } => Markup.Of($"""<span class="chip bad">not recovered</span>"""),
        { Phase: Phase.Train, Triggered: true } => Markup.Of($"""<span class="chip warn">triggered</span>"""),
        _ => Markup.Empty,
    };

    private static string About(IReadOnlyList<ReportGroup> groups)
    {
        var (newest, oldest) = (groups.Max(g => g.Step), groups.Min(g => g.Step));
        var where = groups[0].Phase switch
        {
            Phase.Train when newest != oldest => string.Create(CultureInfo.InvariantCulture, $"Training questions of steps {oldest} to {newest}, the newest first."),
            Phase.Train => string.Create(CultureInfo.InvariantCulture, $"Training questions of step {newest}."),
            Phase.Rollout => "The first questions of the batch.",
            _ => "The first held-out questions.",
        };
        return where + (groups[0].Phase == Phase.Train ? " Triggered: the rollouts that called a tool are all wrong; a prefix is resampled where the budget reaches." : "");
    }

    private static Markup Row(ReportGroup group, bool withPrefixes) => Markup.Of($"""
        <tr><td data-label="Step">{group.Step}</td><td data-label="Question" class="wide">{(group.Text is { } text ? Figures.Cut(text, 240) : $"question {Figures.Count(group.Question)}")}</td><td data-label="Answer">{Figures.Cut(Truth(group), 80)}</td><td data-label="Rollouts">{Marks.Row(group.Rollouts)}</td>{(withPrefixes ? Markup.Of($"""<td data-label="Continuations">{group.Prefixes.Select(p => Marks.Row(p.Continuations))}</td>""") : Markup.Empty)}<td data-label="State">{State(group)}</td></tr>

        """);
}
