using System.Text;

namespace Axpo.Silo.Comparisons;

/// <summary>Results as Markdown.</summary>
internal static class ResultsMarkdown
{
    /// <summary>Writes the document; plots are named by their files.</summary>
    public static string Write(ComparisonResults results, IReadOnlyList<ResultTable> tables, IReadOnlyList<(string File, string Title)> plots)
    {
        var text = new StringBuilder("# ").Append(results.Name).Append("\n\n");
        text.Append("Written by `").Append(results.Command).Append("` from the summaries in `cells/`; `--render` writes it again. Not edited by hand.\n\n");
        foreach (var (name, value) in ResultFacts.Of(results))
        {
            text.Append("- ").Append(name).Append(": ").Append(value).Append('\n');
        }

        text.Append('\n').Append(results.Statistics).Append("\n\n");
        foreach (var table in tables)
        {
            text.Append(table.Markdown());
        }

        if (plots.Count > 0)
        {
            text.Append("## Curves\n\nBands: mean ± standard deviation over seeds (with more than five algorithms the baseline's alone). [index.html](index.html) has everything on one page.\n\n");
            foreach (var (file, title) in plots)
            {
                text.Append("![").Append(title).Append("](").Append(file).Append(")\n");
            }
        }

        return text.ToString().TrimEnd('\n') + "\n";
    }
}
