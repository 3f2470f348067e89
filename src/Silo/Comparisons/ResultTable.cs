using System.Text;
using Axpo.Silo.Reports;

namespace Axpo.Silo.Comparisons;

/// <summary>A table of results, as text in its cells.</summary>
/// <param name="Title">Heading.</param>
/// <param name="About">What a reader must know; may be empty.</param>
/// <param name="Columns">Heads of the columns.</param>
/// <param name="Rows">Rows of as many cells.</param>
internal sealed record ResultTable(string Title, string About, IReadOnlyList<string> Columns, IReadOnlyList<IReadOnlyList<string>> Rows)
{
    /// <summary>As Markdown, with its heading.</summary>
    public string Markdown()
    {
        var text = new StringBuilder("## ").Append(Title).Append("\n\n");
        if (About.Length > 0)
        {
            text.Append(About).Append("\n\n");
        }

        Line(Columns.Select(Cell));
        Line(Columns.Select(_ => "---"));
        foreach (var row in Rows)
        {
            Line(row.Select(Cell));
        }

        return text.Append('\n').ToString();

        void Line(IEnumerable<string> cells) => text.Append("| ").AppendJoin(" | ", cells).Append(" |\n");
    }

    /// <summary>As a section of a page.</summary>
    public Markup Html() => Markup.Of($"""
        <section><h2>{Title}</h2>
        <p class="about">{Plain(About)}</p>
        <div class="scroll"><table class="figures">
        <thead><tr>{Columns.Select(c => Markup.Of($"""<th scope="col">{c}</th>"""))}</tr></thead>
        <tbody>
        {Rows.Select(r => Markup.Of($"""
            <tr><th scope="row">{r[0]}</th>{r.Skip(1).Select(c => Markup.Of($"<td>{Plain(c)}</td>"))}</tr>

            """))}</tbody></table></div></section>

        """);

    /// <summary>Without the marks of Markdown.</summary>
    private static string Plain(string text) => text.Replace("`", "", StringComparison.Ordinal);

    private static string Cell(string text) => text.Replace("|", "\\|", StringComparison.Ordinal);
}
