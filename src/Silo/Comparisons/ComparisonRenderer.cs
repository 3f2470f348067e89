using System.Text;
using Axpo.Silo.Reports.Charts;
using Axpo.Silo.Storage;

namespace Axpo.Silo.Comparisons;

/// <summary>
/// Writes what a comparison came to beside its summaries: <c>README.md</c>, <c>results.json</c>, <c>results.csv</c>, <c>index.html</c> and <c>plots/</c>. Equal summaries give equal bytes, on any machine and at any time.
/// </summary>
public static class ComparisonRenderer
{
    /// <summary>Renders a comparison from its output folder alone.</summary>
    /// <param name="output">Folder with <c>comparison.json</c> and <c>cells/</c>.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <returns>The results, and the content of each file by its path in the folder.</returns>
    /// <exception cref="FileNotFoundException">There is no comparison.</exception>
    /// <exception cref="InvalidDataException">A summary is damaged.</exception>
    public static async Task<(ComparisonResults Results, IReadOnlyDictionary<string, string> Files)> RenderAsync(string output, CancellationToken cancellationToken)
    {
        var plan = await ComparisonPlan.ReadAsync(output, cancellationToken);
        var store = new CellSummaries(output);
        var summaries = new List<CellSummary?>();
        foreach (var cell in plan.Cells)
        {
            summaries.Add(await store.FindAsync(cell, cancellationToken));
        }

        var runs = new ComparedRuns(plan, summaries);
        var results = ComparisonMath.Of(runs);
        var tables = ResultTables.Of(results, runs);
        var charts = ResultCharts.Of(runs);
        var files = new SortedDictionary<string, string>(StringComparer.Ordinal)
        {
            ["README.md"] = ResultsMarkdown.Write(results, tables, [.. charts.Select(c => (Plot(c.Name), c.Chart.Title))]),
            ["results.json"] = LinedJson.Write(results),
            ["results.csv"] = ResultsCsv.Write(runs),
            ["index.html"] = ResultsPage.Write(results, tables, [.. charts.Select(c => c.Chart)]),
        };
        foreach (var (name, chart) in charts)
        {
            files[Plot(name)] = ChartFile.Write(chart);
        }

        return (results, files);
    }

    /// <summary>Renders a comparison into its output folder; plots that it no longer has are removed.</summary>
    /// <exception cref="FileNotFoundException">There is no comparison.</exception>
    public static async Task<ComparisonResults> WriteAsync(string output, CancellationToken cancellationToken)
    {
        var (results, files) = await RenderAsync(output, cancellationToken);
        foreach (var (name, content) in files)
        {
            await AtomicFile.WriteAsync(Path.Combine(output, name), Encoding.UTF8.GetBytes(content), cancellationToken);
        }

        foreach (var plot in Rendered(output).Where(f => !files.ContainsKey(f)))
        {
            File.Delete(Path.Combine(output, plot));
        }

        return results;
    }

    /// <summary>Paths in an output folder of the files there that rendering makes.</summary>
    public static IReadOnlyList<string> Rendered(string output)
    {
        string[] fixedNames = ["README.md", "results.json", "results.csv", "index.html"];
        var plots = Path.Combine(output, "plots");
        return [.. fixedNames.Where(n => File.Exists(Path.Combine(output, n))), .. Directory.Exists(plots) ? Directory.GetFiles(plots, "*.svg").Select(f => Plot(Path.GetFileNameWithoutExtension(f))) : []];
    }

    private static string Plot(string name) => $"plots/{name}.svg";
}
