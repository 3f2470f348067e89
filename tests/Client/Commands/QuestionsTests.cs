namespace Axpo.Client.Tests.Commands;

public sealed class QuestionsTests
{
    private const string Good = """{"id":"ID","question":"?","answer":"1","category":"reasoning","suite":"sums","verifier":"numeric"}""";

    [Fact]
    public async Task A_good_file_is_counted()
    {
        using var axpo = new AxpoConsole();
        var file = Path.Combine(axpo.Folder, "q.jsonl");
        File.WriteAllLines(file, new[] { "a", "b", "c" }.Select(id => Good.Replace("ID", id, StringComparison.Ordinal)).Append(
            """{"id":"d","question":"?","answer":"x y","category":"search","suite":"facts","verifier":"f1","metadata":{"threshold":0.5,"hops":3}}"""));
        (await axpo.RunAsync("questions", "check", file)).ShouldBe(ExitCode.Done);
        axpo.Screen.ShouldContain("4 questions, all good");
        axpo.Screen.ShouldContain("f1");

        (await axpo.RunAsync("questions", "check", file, "--json")).ShouldBe(ExitCode.Done);
        var json = axpo.Json();
        json.GetProperty("questions").GetInt32().ShouldBe(4);
        json.GetProperty("rows").EnumerateArray().Select(r => (r.GetProperty("suite").GetString(), r.GetProperty("questions").GetInt32(), r.GetProperty("mostHops").GetInt32())).ShouldBe([("sums", 3, 1), ("facts", 1, 3)]);
    }

    [Fact]
    public async Task Every_bad_line_is_told_with_file_line_and_reason()
    {
        using var axpo = new AxpoConsole();
        var file = Path.Combine(axpo.Folder, "q.jsonl");
        File.WriteAllLines(file, Enumerable.Range(0, 50).Select(i => i % 2 == 0 ? Good.Replace("ID", $"q{i}", StringComparison.Ordinal) : Good.Replace("ID", $"q{i}", StringComparison.Ordinal).Replace("numeric", "numerik", StringComparison.Ordinal)));
        (await axpo.RunAsync("questions", "check", file)).ShouldBe(ExitCode.BadInput);
        axpo.Errors.Length.ShouldBe(25);
        axpo.Errors[^1].ShouldStartWith($"error: {file}: line 50, question 'q49': verifier: 'numerik': unknown; did you mean 'numeric'?");
    }

    [Fact]
    public async Task A_file_that_is_not_there_is_told()
    {
        using var axpo = new AxpoConsole();
        (await axpo.RunAsync("questions", "check", Path.Combine(axpo.Folder, "none.jsonl"))).ShouldBe(ExitCode.BadInput);
        axpo.Errors.ShouldHaveSingleItem().ShouldContain("there is no such file");
    }

    [Theory]
    [InlineData("find-digit", "2", 2)]
    [InlineData("compare-digits", "3", 3)]
    [InlineData("sum-digits", "5", 5)]
    [InlineData("fact-chain", "4", 4)]
    public async Task A_sample_of_a_suite_is_a_good_file(string suite, string horizon, int hops)
    {
        using var axpo = new AxpoConsole();
        var folder = Path.Combine(axpo.Folder, "sample");
        (await axpo.RunAsync("questions", "sample", suite, "--count", "3", "--split", "test", "--horizon", horizon, "--out", folder)).ShouldBe(ExitCode.Done);

        (await axpo.RunAsync("questions", "check", Path.Combine(folder, "questions.jsonl"), "--json")).ShouldBe(ExitCode.Done);
        var row = axpo.Json().GetProperty("rows").EnumerateArray().ShouldHaveSingleItem();
        var pictures = suite == "fact-chain" ? 0 : 3;
        (row.GetProperty("questions").GetInt32(), row.GetProperty("withImages").GetInt32(), row.GetProperty("mostHops").GetInt32()).ShouldBe((3, pictures, hops));
        string[] names = Directory.Exists(Path.Combine(folder, "images")) ? [.. Directory.GetFiles(Path.Combine(folder, "images")).Select(Path.GetFileName).Order()!] : [];
        names.ShouldBe(new[] { "0001.png", "0002.png", "0003.png" }.Take(pictures));
        foreach (var name in names)
        {
            File.ReadAllBytes(Path.Combine(folder, "boxes", name)).ShouldNotBe(File.ReadAllBytes(Path.Combine(folder, "images", name)));
        }
    }

    [Fact]
    public async Task The_same_seed_samples_the_same_and_a_suite_without_horizons_is_sampled_too()
    {
        using var axpo = new AxpoConsole();
        async Task<string> Sample(string folder, string seed)
        {
            (await axpo.RunAsync("questions", "sample", "mental-arithmetic", "--count", "5", "--seed", seed, "--out", Path.Combine(axpo.Folder, folder))).ShouldBe(ExitCode.Done);
            return await File.ReadAllTextAsync(Path.Combine(axpo.Folder, folder, "questions.jsonl"), TestContext.Current.CancellationToken);
        }

        var first = await Sample("a", "1");
        (await Sample("b", "1")).ShouldBe(first);
        (await Sample("c", "2")).ShouldNotBe(first);
    }

    [Theory]
    [InlineData("find-digits", "--count", "1", "did you mean 'find-digit'")]
    [InlineData("find-digit", "--count", "0", "--count: '0': must be 1 to 10000")]
    [InlineData("find-digit", "--split", "tests", "did you mean 'test'")]
    [InlineData("find-digit", "--horizon", "4", "find-digit has zooms one inside the other, 0 to 3")]
    [InlineData("fact", "--horizon", "2", "fact has no choice of horizons; leave it out")]
    public async Task What_cannot_be_sampled_is_told_and_nothing_is_written(string suite, string option, string value, string message)
    {
        using var axpo = new AxpoConsole();
        (await axpo.RunAsync("questions", "sample", suite, option, value, "--out", Path.Combine(axpo.Folder, "sample"))).ShouldBe(ExitCode.BadInput);
        axpo.Errors.ShouldHaveSingleItem().ShouldContain(message);
        Directory.Exists(Path.Combine(axpo.Folder, "sample")).ShouldBeFalse();
    }
}
