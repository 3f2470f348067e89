using Axpo.Silo.Reports;
using Axpo.Silo.Reports.Charts;

namespace Axpo.Silo.Comparisons;

/// <summary>Results as one HTML page (well-formed XML too) that needs no other file, no network and no script.</summary>
internal static class ResultsPage
{
    /// <summary>Writes the page.</summary>
    public static string Write(ComparisonResults results, IReadOnlyList<ResultTable> tables, IReadOnlyList<Chart> charts) => Markup.Of($"""
        <!DOCTYPE html>
        <html lang="en">
        <head>
        <meta charset="utf-8"/>
        <meta name="viewport" content="width=device-width, initial-scale=1"/>
        <meta name="color-scheme" content="light dark"/>
        <meta name="referrer" content="no-referrer"/>
        <title>{results.Name} · Axpo comparison</title>
        <style>{PageStyle.Sheet}</style>
        </head>
        <body>
        <main>
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
        </main>
        </body>
        </html>

        """).Text;

    private static Markup Curves(IReadOnlyList<Chart> charts) => charts.Count == 0 ? Markup.Empty : Markup.Of($"""
        <section id="curves"><h2>Curves</h2><p class="about">Mean over seeds; bands are one standard deviation over seeds.</p>
        <div class="charts">
        {charts.Select(ChartView.Draw)}</div></section>

        """);
}
