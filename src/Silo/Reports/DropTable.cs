using System.Text.RegularExpressions;

namespace Axpo.Silo.Reports;

/// <summary>The drop ledger: causes with their counts, and the newest rows.</summary>
internal static partial class DropTable
{
    private const int Most = 10;

    public static Markup Draw(IReadOnlyList<DropRecord> drops) => drops.Count == 0 ? Markup.Empty : Markup.Of($"""
        <section id="drops"><h2>Void episodes</h2>
        <p class="about">{string.Join("; ", drops.GroupBy(d => d.Cause).OrderByDescending(g => g.Count()).ThenBy(g => g.Key).Select(g => $"{Words(g.Key)}: {Figures.Count(g.Count())}"))}.{(drops.Count > Most ? $" The newest {Most} of {Figures.Count(drops.Count)}:" : "")}</p>
        <div class="scroll"><table class="drops"><thead><tr><th scope="col">Episode</th><th scope="col">Cause</th><th scope="col">Detail</th><th scope="col">Attempts</th></tr></thead>
        <tbody>
        {drops.Reverse().Take(Most).Select(Row)}</tbody></table></div></section>

        """);

    /// <summary><c>ToolUnavailable</c> as <c>tool unavailable</c>.</summary>
    public static string Words(VoidCause cause) => Capitals().Replace(cause.ToString(), m => (m.Index == 0 ? "" : " ") + m.Value.ToLowerInvariant());

    private static Markup Row(DropRecord drop) => Markup.Of($"""
        <tr><td><code>{drop.Episode.ToString()[(drop.Episode.Run.Length + 1)..]}</code></td><td>{Words(drop.Cause)}</td><td>{Figures.Cut(AbsolutePaths().Replace(drop.Detail, "${name}"), 300)}</td><td>{drop.Attempts}</td></tr>

        """);

    [GeneratedRegex("[A-Z]", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Capitals();

    /// <summary>A path of this machine, of which only the last name is shown.</summary>
    [GeneratedRegex(@"(?<![\w.:/])/([\w.@+-]+/)+(?<name>[\w.@+-]+)", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex AbsolutePaths();
}
