using System.Globalization;

namespace Axpo.Silo.Comparisons;

/// <summary>Where results come from, in words.</summary>
internal static class ResultFacts
{
    private const int CommitCharacters = 12;

    /// <summary>Facts with their names.</summary>
    public static IEnumerable<(string Name, string Value)> Of(ComparisonResults results)
    {
        yield return ("Baseline", results.Baseline);
        yield return ("Seeds", Words(results.Algorithms.SelectMany(a => a.Seeds).Distinct().Order().Select(s => s.ToString(CultureInfo.InvariantCulture))));
        yield return ("Policy", Words(results.Policies));
        yield return ("Held-out", string.Join("; ", results.Asked.DefaultIfEmpty("-")));
        yield return ("Axpo", Words(results.Versions));
        yield return (results.Commits.Count > 1 ? "Commits" : "Commit", Words(results.Commits.Select(c => c.Length > CommitCharacters ? c[..CommitCharacters] : c)));
        yield return (results.Machines.Count > 1 ? "Machines" : "Machine", string.Join("; ", results.Machines.DefaultIfEmpty("-")));
        if (results.Missing.Count > 0)
        {
            yield return ("Not finished yet", string.Join("; ", results.Missing));
        }
    }

    private static string Words(IEnumerable<string> parts) => string.Join(", ", parts.DefaultIfEmpty("-"));
}
