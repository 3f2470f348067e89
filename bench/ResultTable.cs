using System.Globalization;

namespace Axpo.Bench;

/// <summary>Prints rows as one markdown table under a header that says where, when and how they were measured.</summary>
internal sealed class ResultTable(IReadOnlyList<string> arguments)
{
    private readonly DateTimeOffset _start = DateTimeOffset.Now;
    private readonly string _loadBefore = Machine.Load();

    /// <summary>Prints.</summary>
    public void Print(TextWriter to, IEnumerable<Row> rows)
    {
        var end = DateTimeOffset.Now;
        to.WriteLine(string.Create(CultureInfo.InvariantCulture, $"""
            - Machine: {Machine.Describe()}
            - Date: {_start:yyyy-MM-dd HH:mm zzz}, {(end - _start).TotalMinutes:F0} min; load of the machine (1, 5, 15 min) before {_loadBefore}, after {Machine.Load()}
            - Command: `dotnet run -c Release --project bench{(arguments.Count > 0 ? " -- " + string.Join(' ', arguments) : "")}`

            | what | ours | against | ratio | budget | |
            |---|---|---|---|---|---|
            """));
        foreach (var row in rows)
        {
            to.WriteLine(Line(row));
        }
    }

    /// <summary>A row as it stands in the table.</summary>
    public static string Line(Row row) => $"| {row.What} | {row.Ours} | {row.Against} | {Show(row.Ratio)} | {row.Budget} | {row.Verdict} |";

    private static string Show(double? ratio) => ratio switch
    {
        null => "",
        >= 100 => ratio.Value.ToString("F0", CultureInfo.InvariantCulture),
        _ => ratio.Value.ToString("G3", CultureInfo.InvariantCulture),
    };
}
