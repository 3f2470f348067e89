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
}
