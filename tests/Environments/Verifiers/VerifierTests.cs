using Axpo.Environments.Questions;
using Axpo.Environments.Verifiers;

namespace Axpo.Environments.Tests.Verifiers;

public sealed class VerifierTests
{
    private static readonly Question _question = new() { Id = "q", Suite = "s", Category = "reasoning", Text = "?", Answer = "", Verifier = "" };

    [Theory]
    [InlineData("Paris", " paris ", Verdict.Correct)]
    [InlineData("Bogota", "BOGOTÁ", Verdict.Correct)]
    [InlineData("Paris", "Paris.", Verdict.Wrong)]
    [InlineData("Paris", "", Verdict.Wrong)]
    public async Task Exact_trims_and_ignores_case_and_knows_aliases(string answer, string given, Verdict expected) =>
        (await new ExactVerifier().VerifyAsync(_question with { Answer = answer, Aliases = ["Bogotá"] }, given, TestContext.Current.CancellationToken)).ShouldBe(expected);

    [Theory]
    [InlineData("23", "23", null, Verdict.Correct)]
    [InlineData("23", " +23.0 ", null, Verdict.Correct)]
    [InlineData("-9", "-9", null, Verdict.Correct)]
    [InlineData("-9", "9", null, Verdict.Wrong)]
    [InlineData("1234567", "1,234,567", null, Verdict.Correct)]
    [InlineData("1e3", "1000", null, Verdict.Correct)]
    [InlineData("0.1", "1e-1", null, Verdict.Correct)]
    [InlineData("1234567890123456789012345678901234567890", "1234567890123456789012345678901234567890", null, Verdict.Correct)]
    [InlineData("1234567890123456789012345678901234567890", "1234567890123456789012345678901234567891", null, Verdict.Wrong)]
    [InlineData("0.30000000000000000000000000000000000001", "0.3", null, Verdict.Wrong)]
    [InlineData("3.14159", "3.14", "0.01", Verdict.Correct)]
    [InlineData("3.14159", "3.15159", "0.01", Verdict.Correct)]
    [InlineData("3.14159", "3.1515900001", "0.01", Verdict.Wrong)]
    [InlineData("23", "twenty-three", null, Verdict.Malformed)]
    [InlineData("23", "", null, Verdict.Malformed)]
    [InlineData("23", "x = 23", null, Verdict.Malformed)]
    [InlineData("23", "2 3", null, Verdict.Malformed)]
    [InlineData("23", "23.0.0", null, Verdict.Malformed)]
    [InlineData("23", "NaN", null, Verdict.Malformed)]
    [InlineData("23", "Infinity", null, Verdict.Malformed)]
    [InlineData("23", "0x17", null, Verdict.Malformed)]
    [InlineData("23", "２３", null, Verdict.Malformed)]
    [InlineData("23", "--23", null, Verdict.Malformed)]
    [InlineData("23", "1e999999999", null, Verdict.Malformed)]
    [InlineData("23", "1e-2147483648", null, Verdict.Malformed)]
    [InlineData("23", ".", null, Verdict.Malformed)]
    public async Task Numeric_is_exact_however_many_digits(string answer, string given, string? tolerance, Verdict expected) =>
        (await new NumericVerifier().VerifyAsync(_question with { Answer = answer, Tolerance = tolerance }, given, TestContext.Current.CancellationToken)).ShouldBe(expected);

    [Fact]
    public async Task Numeric_survives_endless_digits() =>
        (await new NumericVerifier().VerifyAsync(_question with { Answer = "1" }, new string('9', 1_000_000), TestContext.Current.CancellationToken)).ShouldBe(Verdict.Malformed);

    [Fact]
    public async Task Numeric_names_a_question_whose_own_answer_is_no_number() =>
        (await Should.ThrowAsync<InvalidDataException>(async () => await new NumericVerifier().VerifyAsync(_question with { Id = "q-9", Answer = "two" }, "2", TestContext.Current.CancellationToken)))
            .Message.ShouldContain("q-9");

    [Theory]
    [InlineData("the Eiffel Tower", "Eiffel tower!", 1)]
    [InlineData("Denver Broncos", "the Broncos of Denver", .8)] // 2 shared of 2 and 3 words.
    [InlineData("a b b", "b", .6666)] // The article goes; 1 shared of 2 and 1.
    [InlineData("Paris", "London", 0)]
    [InlineData("Paris", "", 0)]
    [InlineData("the", "", 1)]
    [InlineData("3.5", "35", 1)] // SQuAD's rule takes the point away.
    public void F1_is_SQuADs(string answer, string given, double expected) => F1Verifier.Score(answer, given).ShouldBe(expected, 1e-4);

    [Theory]
    [InlineData("Denver Broncos", .8, Verdict.Correct)]
    [InlineData("Denver Broncos", .81, Verdict.Wrong)]
    [InlineData("nothing", .81, Verdict.Correct)] // By the alias.
    public async Task F1_is_right_from_its_threshold_on_for_the_best_alias(string answer, double threshold, Verdict expected)
    {
        var question = _question with { Answer = answer, Aliases = answer == "nothing" ? ["Broncos of Denver"] : [], MetadataJson = FormattableString.Invariant($$"""{"threshold": {{threshold}}}""") };
        (await new F1Verifier().VerifyAsync(question, "the Broncos of Denver", TestContext.Current.CancellationToken)).ShouldBe(expected);
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("""{"threshold": 0}""")]
    [InlineData("""{"threshold": 1.5}""")]
    [InlineData("""{"threshold": ".5"}""")]
    public async Task F1_needs_a_threshold_in_a_file_and_when_it_judges(string metadata)
    {
        (await Should.ThrowAsync<InvalidDataException>(async () => await new F1Verifier().VerifyAsync(_question with { MetadataJson = metadata }, "x", TestContext.Current.CancellationToken))).Message.ShouldContain("metadata.threshold");
        using var temp = new TempFolder();
        File.WriteAllText(temp.File("q.jsonl"), $$"""{"id":"a","question":"?","answer":"1","category":"search","suite":"s","verifier":"f1","metadata":{{metadata}}}""");
        var problem = (await Should.ThrowAsync<QuestionFileException>(() => QuestionFile.ReadAsync(temp.File("q.jsonl"), ["f1"], TestContext.Current.CancellationToken))).Problems.ShouldHaveSingleItem();
        (problem.Fault, problem.Field).ShouldBe((QuestionFault.BadAnswer, "metadata.threshold"));
    }

    [Theory]
    [InlineData(" RED", Verdict.Correct)]
    [InlineData("blue", Verdict.Wrong)]
    [InlineData("purple", Verdict.Malformed)]
    [InlineData("", Verdict.Malformed)]
    public async Task Choice_calls_what_is_no_choice_malformed(string given, Verdict expected) =>
        (await new ChoiceVerifier().VerifyAsync(_question with { Answer = "red", Choices = ["red", "blue"] }, given, TestContext.Current.CancellationToken)).ShouldBe(expected);
}
