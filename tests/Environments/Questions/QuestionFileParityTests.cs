using System.Security.Cryptography;
using System.Text.Json.Nodes;
using Axpo.Environments.Questions;
using Axpo.Environments.Verifiers;

namespace Axpo.Environments.Tests.Questions;

/// <summary>Every case of <c>questions/bad/expected.json</c>, and the sets beside it.</summary>
[Trait("Category", "Parity")]
[Trait("Family", "questions")]
public sealed class QuestionFileParityTests
{
    private const string Gigantic = "cases/gigantic_line.jsonl";
    private static readonly IVerifier[] _verifiers = [new ExactVerifier(), new NumericVerifier(), new ChoiceVerifier()];
    private static readonly string[] _names = [.. _verifiers.Select(v => v.Name)];

    private static string ExpectedPath => Fixtures.Questions("bad", "expected.json");

    public static TheoryData<string> Files => File.Exists(ExpectedPath) ? [.. Cases().Select(c => c["file"]!.GetValue<string>())] : ["absent"];

    [Theory]
    [MemberData(nameof(Files))]
    public async Task A_file_is_loaded_or_refused_as_expected(string file)
    {
        Assert.SkipUnless(File.Exists(ExpectedPath), $"{ExpectedPath} is absent");
        var expected = Cases().Single(c => c["file"]!.GetValue<string>() == file);
        using var temp = new TempFolder();
        var path = Fixtures.Questions("bad", file);
        if (file == Gigantic && !File.Exists(path))
        {
            path = WriteGigantic(temp);
        }

        var outcome = expected["outcome"]!.GetValue<string>();
        try
        {
            var questions = await QuestionFile.ReadAsync(path, _names, TestContext.Current.CancellationToken);
            outcome.ShouldNotBe("reject");
            questions.Count.ShouldBe(expected["accepted"]?.GetValue<int>() ?? questions.Count);
            questions.ShouldAllBe(q => q.Answer.Trim() == q.Answer && q.Images.All(File.Exists));
        }
        catch (QuestionFileException e)
        {
            outcome.ShouldNotBe("accept", e.Message);
            Snake(e.Problems[0].Fault).ShouldBe(expected["kind"]!.GetValue<string>(), e.Message);
            e.Problems[0].Line.ShouldBe(expected["line"]?.GetValue<int>(), e.Message);
            e.Message.ShouldStartWith(path);
            e.Problems[0].Remedy.ShouldNotBeEmpty();
            if (expected["image"]?.GetValue<string>() is { } image)
            {
                e.Problems[0].Value.ShouldBe(image);
            }
        }
    }

    [Theory]
    [InlineData("digits/digits-sample.jsonl")]
    [InlineData("easy_vqa/test.jsonl")]
    [InlineData("facts/facts-shared.jsonl")]
    public async Task A_real_set_loads_whole_and_its_own_answers_are_right(string file)
    {
        var path = Fixtures.Questions(file);
        Assert.SkipUnless(File.Exists(path), $"{path} is absent");

        var questions = await QuestionFile.ReadAsync(path, _names, TestContext.Current.CancellationToken);

        var lines = File.ReadLines(path).Select(l => JsonNode.Parse(l)!).ToArray();
        questions.Select(q => q.Id).ShouldBe(lines.Select(l => l["id"]!.GetValue<string>()));
        questions.Select(q => q.Horizon).ShouldBe(lines.Select(l => l["metadata"]!["hops"]?.GetValue<int>() ?? 1));
        questions.Select(q => q.Images.Length).ShouldBe(lines.Select(l => l["images"]?.AsArray().Count ?? 0));
        foreach (var question in questions)
        {
            var verifier = _verifiers.Single(v => v.Name == question.Verifier);
            foreach (var answer in question.Aliases.Append(question.Answer))
            {
                (await verifier.VerifyAsync(question, answer, TestContext.Current.CancellationToken)).ShouldBe(Verdict.Correct, question.Id);
            }
        }
    }

    [Fact]
    public async Task A_verifier_that_is_not_registered_is_refused_by_name()
    {
        var path = Fixtures.Questions("reasoning", "test.jsonl");
        Assert.SkipUnless(File.Exists(path), $"{path} is absent");

        var e = await Should.ThrowAsync<QuestionFileException>(async () => await QuestionFile.ReadAsync(path, _names, TestContext.Current.CancellationToken));

        e.Problems.Count.ShouldBe(QuestionFile.MaxProblems);
        e.Problems.ShouldAllBe(p => p.Fault == QuestionFault.UnknownValue && p.Field == "verifier" && p.Value.StartsWith("reasoning_gym:") && p.Remedy.Contains("choice, exact, numeric"));
        var own = File.ReadLines(path).Select(l => JsonNode.Parse(l)!["verifier"]!.GetValue<string>()).Distinct().ToArray();
        (await QuestionFile.ReadAsync(path, own, TestContext.Current.CancellationToken)).Count.ShouldBe(File.ReadLines(path).Count());
    }

    private static IEnumerable<JsonObject> Cases() => JsonNode.Parse(File.ReadAllText(ExpectedPath))!["cases"]!.AsArray().Select(c => c!.AsObject());

    private static string Snake(QuestionFault fault) => string.Concat(fault.ToString().Select((c, i) => char.IsUpper(c) ? (i == 0 ? "" : "_") + char.ToLowerInvariant(c) : c.ToString()));

    private static string WriteGigantic(TempFolder temp)
    {
        var path = temp.File("gigantic_line.jsonl");
        File.WriteAllText(path, $"{Line(1, "What is 1 + 1?")}\n{Line(2, new string('x', 5 << 20))}\n{Line(3, "What is 3 + 3?")}\n");
        Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(path))).ShouldBe("947bf3aa82ca7ae0b7b4fee106bc0e77eef547020d4070d5d3150c9bb6af374d");
        return path;

        static string Line(int i, string text) =>
            $$$"""{"id": "q{{{i}}}", "question": "{{{text}}}", "answer": "{{{2 * i}}}", "category": "reasoning", "suite": "bad", "verifier": "exact", "metadata": {}}""";
    }
}
