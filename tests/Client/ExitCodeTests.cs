using System.Globalization;

namespace Axpo.Client.Tests;

public sealed class ExitCodeTests
{
    [Fact]
    public void The_table_in_the_docs_is_the_enumeration() =>
        File.ReadLines(Path.Combine(SampleRun.Repository, "docs", "console.md"))
            .Select(l => l.Split('|', StringSplitOptions.TrimEntries))
            .Where(c => c.Length == 5 && int.TryParse(c[1], NumberStyles.None, CultureInfo.InvariantCulture, out _))
            .Select(c => (c[1], c[2]))
            .ShouldBe(Enum.GetValues<ExitCode>().Select(c => (c.ToString("D"), c.ToString())));
}
