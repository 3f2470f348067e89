using System.Globalization;
using System.Text;

namespace Axpo.Chaos.Tests;

/// <summary>The table of docs/reliability.md.</summary>
internal static class StormTable
{
    public static string Of(IReadOnlyList<FaultOutcome> outcomes)
    {
        var table = new StringBuilder();
        table.AppendLine("| fault | faults | recovered | turns redone | s until the next result is stored: median, max | s until it serves again: median, max |");
        table.AppendLine("|---|---|---|---|---|---|");
        foreach (var kind in outcomes.GroupBy(o => o.Fault.Kind).OrderBy(g => g.Key))
        {
            Row(Name(kind.Key), [.. kind]);
        }

        Row("all", outcomes);
        return table.ToString();

        void Row(string name, IReadOnlyList<FaultOutcome> some) => table.AppendLine(CultureInfo.InvariantCulture,
            $"| {name} | {some.Count} | {some.Count(o => o.Progress is not null)} | {some.Sum(o => o.Redone)} | {Figures(some.Select(o => o.Progress))} | {Figures(some.Select(o => o.Back))} |");
    }

    private static string Name(FaultKind kind) => kind switch
    {
        FaultKind.Kill => "`kill -9` of a silo",
        FaultKind.ShortPause => "silo stands still (SIGSTOP), under the death bound",
        FaultKind.LongPause => "silo stands still, over the death bound",
        FaultKind.Machine => "machine lost; back with a clock up to a day off and 3 fault points that throw",
        FaultKind.Tool => "sandboxes of a silo killed",
        FaultKind.Storage => "Redis refuses writes",
        FaultKind.Redis => "Redis killed, started again",
        FaultKind.Disk => "disk of the shared folder full",
        _ => kind.ToString(),
    };

    private static string Figures(IEnumerable<double?> seconds)
    {
        double[] sorted = [.. seconds.OfType<double>().Order()];
        return sorted.Length == 0 ? "-" : string.Create(CultureInfo.InvariantCulture, $"{sorted[sorted.Length / 2]:F1}, {sorted[^1]:F1}");
    }
}
