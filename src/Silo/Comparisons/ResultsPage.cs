using Axpo.Silo.Reports;
using Axpo.Silo.Reports.Charts;

namespace Axpo.Silo.Comparisons;

/// <summary>Results as one HTML page.</summary>
internal static class ResultsPage
{
    /// <summary>Writes the page.</summary>
    public static string Write(ComparisonResults results, IReadOnlyList<ResultTable> tables, IReadOnlyList<Chart> charts) => Page.Render($"{results.Name} · Axpo comparison", Markup.Of($"""
        <header>
        <p class="brand">Axpo <span>comparison</span></p>
        <h1>{results.Name}</h1>
        <p class="about">Written by {results.Command} from summaries of finished runs.</p>
        <dl class="facts">
        {ResultFacts.Of(results).Select(f => Markup.Of($"<div><dt>{f.Name}</dt><dd>{f.Value}</dd></div>"))}
        </dl>
        <p class="about">{results.Statistics}</p>
        </header>
        {Curves(charts)}
        {tables.Select(t => t.Html())}
        """));

    private static Markup Curves(IReadOnlyList<Chart> charts) => charts.Count == 0 ? Markup.Empty : Markup.Of($"""
        <section id="curves"><h2>Curves</h2><p class="about">Mean over seeds; bands are one standard deviation over seeds (with more than five algorithms the baseline's alone).</p>
        <div class="charts">
        {charts.Select(ChartView.Draw)}</div></section>

        """);
}
