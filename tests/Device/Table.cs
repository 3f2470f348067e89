using System.Globalization;

namespace Axpo.Device;

/// <summary>Rows of a markdown table, written as they come: a fault later on leaves what was measured.</summary>
internal sealed class Table
{
    private readonly string _path;

    public Table(string path)
    {
        _path = path;
        File.WriteAllText(path, "");
    }

    /// <summary>Rows that failed.</summary>
    public int Failures { get; private set; }

    /// <summary>A figure without a bound.</summary>
    public void Figure(string what, string measured) => Write($"| {what} | {measured} | | |");

    /// <summary>A figure with a bound.</summary>
    public void Row(string what, string measured, string bound, bool holds)
    {
        Failures += holds ? 0 : 1;
        Write($"| {what} | {measured} | {bound} | {(holds ? "met" : "**missed**")} |");
    }

    /// <summary>An error and the most that it may be.</summary>
    public void AtMost(string what, double measured, double bound) =>
        Row(what, measured.ToString("G3", CultureInfo.InvariantCulture), "at most " + bound.ToString("G3", CultureInfo.InvariantCulture), measured <= bound);

    private void Write(string line)
    {
        Console.WriteLine(line);
        Console.Out.Flush();
        File.AppendAllText(_path, line + "\n");
    }
}
