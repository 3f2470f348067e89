using System.Text.Json.Nodes;
using Shouldly;
using Xunit;

namespace Axpo.Imaging.Tests;

/// <summary>The reference's table of sizes, of every model folder of the fixtures that has one.</summary>
[Trait("Category", "Parity")]
[Trait("Family", "models")]
public sealed class SmartResizeTests
{
    public static TheoryData<string> Tables
    {
        get
        {
            var data = new TheoryData<string>();
            var models = Path.Combine(Root, "models");
            string[] files = Directory.Exists(models) ? [.. Directory.EnumerateFiles(models, "cases.json", SearchOption.AllDirectories).Order(StringComparer.Ordinal)] : [];
            foreach (var file in files)
            {
                if (File.ReadAllText(file).Contains("\"smart_resize\"", StringComparison.Ordinal))
                {
                    data.Add(file);
                }
            }

            if (data.Count == 0)
            {
                data.Add("(no table in AXPO_FIXTURES)");
            }

            return data;
        }
    }

    private static string Root => Environment.GetEnvironmentVariable("AXPO_FIXTURES") is { Length: > 0 } asked ? asked : Own();

    [Theory]
    [MemberData(nameof(Tables))]
    public void Every_size_and_every_error_is_the_references(string file)
    {
        Assert.SkipUnless(File.Exists(file), file);
        foreach (var row in JsonNode.Parse(File.ReadAllText(file))!["smart_resize"]!.AsArray())
        {
            int Number(string name) => row![name]!.GetValue<int>();
            (int, int) Target() => SmartResize.Target(Number("height"), Number("width"), Number("factor"), Number("min_pixels"), Number("max_pixels"));
            if (row!["error"] is not null)
            {
                Should.Throw<InvalidDataException>(() => Target()).Message.ShouldContain("more than 200");
            }
            else
            {
                Target().ShouldBe((Number("resized_height"), Number("resized_width")), row.ToJsonString());
            }
        }
    }

    private static string Own()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (Directory.Exists(Path.Combine(folder.FullName, "tests", "fixtures")))
            {
                return Path.Combine(folder.FullName, "tests", "fixtures");
            }
        }

        throw new DirectoryNotFoundException("tests/fixtures is not above the test program");
    }
}
