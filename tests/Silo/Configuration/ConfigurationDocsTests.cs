using System.Xml.Linq;
using Axpo.Core;
using Axpo.Silo.Configuration;
using Shouldly;
using Xunit;

namespace Axpo.Silo.Tests.Configuration;

/// <summary>The table of keys in docs/console.md is the schema; <c>AXPO_WRITE_DOCS=1</c> writes it.</summary>
public sealed class ConfigurationDocsTests
{
    private const string Begin = "<!-- keys: written by tests/Silo/Configuration/ConfigurationDocsTests with AXPO_WRITE_DOCS=1 -->";
    private const string End = "<!-- /keys -->";

    [Fact]
    public void The_table_of_keys_is_the_schema()
    {
        var path = Docs();
        var text = File.ReadAllText(path).ReplaceLineEndings("\n");
        var (start, end) = (text.IndexOf(Begin, StringComparison.Ordinal) + Begin.Length, text.IndexOf(End, StringComparison.Ordinal));
        start.ShouldBeInRange(Begin.Length, end);
        var table = Table();
        if (Environment.GetEnvironmentVariable("AXPO_WRITE_DOCS") == "1")
        {
            File.WriteAllText(path, text[..start] + table + text[end..]);
            return;
        }

        text[start..end].ShouldBe(table, "docs/console.md has drifted from RunConfiguration; write it again: AXPO_WRITE_DOCS=1 dotnet test --project tests/Silo");
    }

    private static string Table()
    {
        var comments = XDocument.Load(Path.Combine(AppContext.BaseDirectory, "Axpo.Core.xml")).Descendants("member").ToDictionary(m => m.Attribute("name")!.Value, m => m.Element("summary"));
        var rows = ConfigurationKey.Values.Select(key =>
        {
            var property = key.Property;
            var meaning = comments.GetValueOrDefault($"P:{property.DeclaringType!.FullName}.{property.Name}") is { } summary ? Plain(summary) : "";
            return $"| `{key.Path}` | {key.Expected} | `{ConfigurationKey.Text(key.ValueIn(new RunConfiguration()))}` | {meaning} |".Replace("| `` |", "| |", StringComparison.Ordinal);
        });
        return "\n| key | value | default | meaning |\n|---|---|---|---|\n" + string.Join('\n', rows) + "\n";
    }

    private static string Plain(XElement summary)
    {
        var text = string.Concat(summary.Nodes().Select(n => n switch
        {
            XElement { Name.LocalName: "c" } code => $"`{code.Value}`",
            XElement { Name.LocalName: "see" } see => see.Attribute("cref")!.Value.Split('.')[^1],
            XElement other => other.Value,
            _ => n.ToString(),
        }));
        return string.Join(' ', System.Net.WebUtility.HtmlDecode(text).Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)).Replace("|", "\\|", StringComparison.Ordinal);
    }

    private static string Docs()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "Axpo.sln")))
        {
            folder = folder.Parent ?? throw new DirectoryNotFoundException("Axpo.sln is nowhere above the tests");
        }

        return Path.Combine(folder.FullName, "docs", "console.md");
    }
}
