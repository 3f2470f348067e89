using System.Text;
using Axpo.Environments.Questions;

namespace Axpo.Environments.Tests.Questions;

public sealed class QuestionFileTests : IDisposable
{
    private static readonly string[] _verifiers = ["exact", "numeric", "choice"];
    private readonly TempFolder _temp = new();

    public void Dispose() => _temp.Dispose();

    [Fact]
    public async Task Every_field_arrives()
    {
        var questions = await ReadAsync(
            """{"id":"a","question":"Capital?","answer":"Bogotá","category":"search","suite":"fact","verifier":"exact","metadata":{"aliases":["Bogota"],"hops":3,"n":[1,2]}}""",
            """{"id":"b","question":"Pi?","answer":"3.14","category":"reasoning","suite":"s","verifier":"numeric","metadata":{"tolerance":0.010}}""",
            """{"id":"c","question":"e?","answer":"1,002.7","category":"reasoning","suite":"s","verifier":"numeric","metadata":{"tolerance":"1e-2"}}""",
            """{"id":"d","question":"Which?","answer":"red ","category":"perception","suite":"s","verifier":"choice","images":null,"metadata":{"choices":["Red","blue"]}}""",
            """{"id":"e","question":"Plain?","answer":"1","category":"reasoning","suite":"s","verifier":"exact"}""");

        questions.Select(q => q.Id).ShouldBe(["a", "b", "c", "d", "e"]);
        var a = questions[0];
        (a.Text, a.Answer, a.Category, a.Suite, a.Verifier, a.Horizon).ShouldBe(("Capital?", "Bogotá", "search", "fact", "exact", 3));
        a.Aliases.ShouldBe(["Bogota"]);
        a.MetadataJson.ShouldBe("""{"aliases":["Bogota"],"hops":3,"n":[1,2]}""");
        a.Tools.ShouldBeNull();
        questions[1].Tolerance.ShouldBe("0.010");
        questions[2].Tolerance.ShouldBe("1e-2");
        questions[3].Choices.ShouldBe(["Red", "blue"]);
        var e = questions[4];
        (e.Horizon, e.MetadataJson, e.Tolerance, e.Images.Length, e.Aliases.Length, e.Choices.Length).ShouldBe((1, "{}", null, 0, 0, 0));
    }

    [Theory]
    [InlineData("""{"hops":0}""", "metadata.hops")]
    [InlineData("""{"hops":"two"}""", "metadata.hops")]
    [InlineData("""{"hops":1.5}""", "metadata.hops")]
    [InlineData("""{"tolerance":-1}""", "metadata.tolerance")]
    [InlineData("""{"tolerance":"a little"}""", "metadata.tolerance")]
    [InlineData("""{"tolerance":[1]}""", "metadata.tolerance")]
    [InlineData("""{"aliases":"Bogota"}""", "metadata.aliases")]
    [InlineData("""{"aliases":[1]}""", "metadata.aliases")]
    [InlineData("""{"choices":{}}""", "metadata.choices")]
    public async Task Metadata_that_means_something_is_checked(string metadata, string field)
    {
        var problem = (await RefuseAsync(Line("a", $"""  "metadata":{metadata}"""))).Problems.ShouldHaveSingleItem();
        (problem.Fault, problem.Line, problem.Id, problem.Field).ShouldBe((QuestionFault.Type, 1, "a", field));
    }

    [Fact]
    public async Task A_message_names_file_line_id_field_value_and_what_would_be_right()
    {
        var e = await RefuseAsync("", Line("a"), """{"id":"b","question":"?","answer":"four","category":"reasoning","suite":"s","verifier":"numeric"}""");
        e.Message.ShouldBe($"{_temp.File("q.jsonl")}: line 3, question 'b': answer: 'four': no decimal number, which the verifier numeric needs; give one, or take the verifier exact");
    }

    [Fact]
    public async Task All_faults_are_told_at_once()
    {
        var e = await RefuseAsync(Line("a"), """{"id":"b","answer":3,"category":"reasonin","suite":"s","verifier":"exact"}""", "nonsense", Line("a"), Line("c"));
        e.Problems.Select(p => (p.Line, p.Field, p.Fault)).ShouldBe(
        [
            (2, "question", QuestionFault.MissingField), (2, "answer", QuestionFault.Type), (2, "category", QuestionFault.UnknownValue), (3, "", QuestionFault.Json), (4, "id", QuestionFault.DuplicateId),
        ]);
        e.Problems[2].Remedy.ShouldContain("did you mean 'reasoning'?");
        e.Problems[4].Remedy.ShouldContain("lines 1 and 4");
    }

    [Fact]
    public async Task Reading_stops_at_the_limit_and_says_so()
    {
        (await RefuseAsync([.. Enumerable.Repeat("nonsense", QuestionFile.MaxProblems)])).Message.ShouldNotContain("there may be more");
        var e = await RefuseAsync([.. Enumerable.Repeat("nonsense", QuestionFile.MaxProblems + 1)]);
        e.Problems.Count.ShouldBe(QuestionFile.MaxProblems);
        e.Message.ShouldContain("there may be more");
    }

    [Fact]
    public async Task A_line_that_is_too_long_is_refused_by_number_and_the_rest_is_still_read()
    {
        var e = await RefuseAsync(new string('x', 9 << 20), Line("a"), "nonsense", Line("b", $"""  "metadata":"{new string('y', QuestionFile.MaxLineBytes)}" """));
        e.Problems.Select(p => (p.Line, p.Fault)).ShouldBe([(1, QuestionFault.TooLong), (3, QuestionFault.Json), (4, QuestionFault.TooLong)]);
        e.Problems[0].Remedy.ShouldContain("49152");
    }

    [Fact]
    public async Task Lines_of_every_length_keep_their_number_and_text()
    {
        string[] ids = [.. Enumerable.Range(0, 400).Select(i => $"q{i}-" + new string('x', i * 37 % 200))];
        var questions = await ReadAsync([.. ids.Select((id, i) => Line(id, $"""  "pad":"{new string('p', i * 911 % 40_000)}" """))]);
        questions.Select(q => q.Id).ShouldBe(ids);
    }

    [Theory]
    [InlineData("""{"a":{"b":1,"b":2}}""", QuestionFault.DuplicateKey, "metadata.a.b")]
    [InlineData("""{"a":["\ud83e"]}""", QuestionFault.Encoding, "metadata.a")]
    [InlineData("""{"\udd89":1}""", QuestionFault.Encoding, "metadata")]
    public async Task Faults_deep_inside_metadata_are_found(string metadata, QuestionFault fault, string field)
    {
        var problem = (await RefuseAsync(Line("a", $"""  "metadata":{metadata}"""))).Problems.ShouldHaveSingleItem();
        (problem.Fault, problem.Field).ShouldBe((fault, field));
    }

    [Theory]
    [InlineData("a/b")]
    [InlineData("a\\\\b")]
    [InlineData("a\\nb")]
    public async Task An_id_that_cannot_be_part_of_a_key_is_refused(string id) =>
        (await RefuseAsync(Line(id))).Problems.ShouldHaveSingleItem().Fault.ShouldBe(QuestionFault.BadId);

    [Fact]
    public async Task A_file_that_is_not_there_or_is_a_folder_is_refused()
    {
        var missing = await Should.ThrowAsync<QuestionFileException>(async () => await QuestionFile.ReadAsync(_temp.File("none.jsonl"), _verifiers, Token));
        missing.Message.ShouldBe($"{_temp.File("none.jsonl")}: there is no such file");
        var folder = await Should.ThrowAsync<QuestionFileException>(async () => await QuestionFile.ReadAsync(_temp.Path, _verifiers, Token));
        folder.Problems.ShouldHaveSingleItem().ToString().ShouldContain("it is a folder");
    }

    [Fact]
    public async Task Utf16_and_gzip_are_called_by_their_names()
    {
        File.WriteAllText(_temp.File("q.jsonl"), Line("a") + "\n" + Line("b"), Encoding.Unicode);
        (await RefuseAsync()).Message.ShouldContain("UTF-16");
        File.WriteAllBytes(_temp.File("q.jsonl"), [0x1F, 0x8B, 8, 0, 10, 0xFF, 10, 0xFE]);
        (await RefuseAsync()).Problems.ShouldHaveSingleItem().Remedy.ShouldContain("gzip");
    }

    [Fact]
    public async Task Images_are_found_beside_the_file_and_a_text_policy_refuses_them_by_question()
    {
        _temp.Picture("images/ok.png");
        var questions = await ReadAsync(Line("plain"), Line("seen", """  "images":["./images/ok.png","images/ok.png"]"""));
        questions[1].Images.ShouldBe([_temp.File("images/ok.png"), _temp.File("images/ok.png")]);

        var e = Should.Throw<QuestionFileException>(() => QuestionFile.RequireText(_temp.File("q.jsonl"), questions));
        (e.Problems.ShouldHaveSingleItem().Id, e.Problems[0].Fault).ShouldBe(("seen", QuestionFault.ImageRefused));
        e.Message.ShouldContain("'seen'");
        Should.NotThrow(() => QuestionFile.RequireText(_temp.File("q.jsonl"), [questions[0]]));
    }

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    private static string Line(string id, string more = """  "metadata":{}""") => $$"""{"id":"{{id}}","question":"?","answer":"1","category":"reasoning","suite":"s","verifier":"exact",{{more}}}""";

    private async Task<IReadOnlyList<Question>> ReadAsync(params string[] lines)
    {
        if (lines.Length > 0)
        {
            File.WriteAllText(_temp.File("q.jsonl"), string.Join('\n', lines));
        }

        return await QuestionFile.ReadAsync(_temp.File("q.jsonl"), _verifiers, Token);
    }

    private Task<QuestionFileException> RefuseAsync(params string[] lines) => Should.ThrowAsync<QuestionFileException>(() => ReadAsync(lines));
}
