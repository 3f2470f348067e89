using Axpo.Silo.Comparisons;
using Shouldly;
using Xunit;

namespace Axpo.Silo.Tests.Comparisons;

/// <summary>
/// Every stored comparison, <c>docs/results/*</c> and the fixtures', says exactly what its summaries come to. After a change of the rendering: <c>axpo compare FILE --render</c>, or <c>AXPO_WRITE_DOCS=1</c> with this test.
/// </summary>
public sealed class StoredResultsTests
{
    private static readonly string _repository = Above();

    public static TheoryData<string> Comparisons => [.. Stored()];

    [Fact]
    public void There_is_at_least_the_one_of_the_fixtures() => Stored().ShouldContain("tests/fixtures/comparisons/tiny");

    [Fact]
    public void Every_folder_of_summaries_has_its_plan() =>
        Folders().Where(f => Directory.Exists(Path.Combine(f, "cells"))).Where(f => !File.Exists(Path.Combine(f, ComparisonPlan.FileName))).ShouldBeEmpty();

    [Theory]
    [MemberData(nameof(Comparisons))]
    public async Task What_is_written_is_what_the_summaries_come_to(string comparison)
    {
        var output = Path.Combine(_repository, comparison);
        if (Environment.GetEnvironmentVariable("AXPO_WRITE_DOCS") == "1")
        {
            await ComparisonRenderer.WriteAsync(output, TestContext.Current.CancellationToken);
        }

        var (results, files) = await ComparisonRenderer.RenderAsync(output, TestContext.Current.CancellationToken);
        results.Missing.ShouldBeEmpty($"{comparison} is not finished");
        ComparisonRenderer.Rendered(output).ShouldBe(files.Keys, ignoreOrder: true);
        foreach (var (name, content) in files)
        {
            var stored = (await File.ReadAllTextAsync(Path.Combine(output, name), TestContext.Current.CancellationToken)).ReplaceLineEndings("\n");
            stored.ShouldBe(content, $"{comparison}/{name} is not what its summaries come to; write it again: axpo compare FILE --render");
        }
    }

    private static IEnumerable<string> Stored() => Folders().Where(f => File.Exists(Path.Combine(f, ComparisonPlan.FileName))).Select(f => Path.GetRelativePath(_repository, f)).Order(StringComparer.Ordinal);

    private static IEnumerable<string> Folders() => new[] { "docs/results", "tests/fixtures/comparisons" }.SelectMany(f => Directory.GetDirectories(Path.Combine(_repository, f)));

    private static string Above()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "Axpo.sln")))
        {
            folder = folder.Parent ?? throw new DirectoryNotFoundException("Axpo.sln is nowhere above the tests");
        }

        return folder.FullName;
    }
}
