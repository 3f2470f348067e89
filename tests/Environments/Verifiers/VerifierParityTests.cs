using System.Text.Json.Nodes;
using Axpo.Environments.Verifiers;
using Axpo.Environments.Verifiers.ReasoningGym;

namespace Axpo.Environments.Tests.Verifiers;

/// <summary>
/// The cases of <c>questions/reasoning/verifier_cases.jsonl</c> whose rule is that of one of our verifiers, with the differences between the rules listed: there ours say
/// what their own rules say (trim; no regard to case; commas are taken away; ASCII digits only).
/// </summary>
[Trait("Category", "Parity")]
[Trait("Family", "questions")]
public sealed class VerifierParityTests
{
    private static readonly string[] _text = ["basic_arithmetic", "lcm", "gcd", "count_bits", "simple_equations", "letter_counting", "base_conversion"];
    private static readonly string[] _weekdays = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

    public static TheoryData<string> Families => [.. ReasoningGymVerifier.Families];

    [Theory]
    [MemberData(nameof(Families))]
    public Task Its_own_rule_judges_a_family_as_reasoning_gym_does(string family) => AgreeAsync(new ReasoningGymVerifier(family), (f, _) => f == family, accepted: [], refused: [], atLeast: 17);

    [Fact]
    public void Every_family_has_its_rule()
    {
        var folder = Fixtures.Questions("reasoning");
        Assert.SkipUnless(Directory.Exists(folder), $"{folder} is absent");
        Lines(folder, "verifier_cases.jsonl").Select(c => c["family"]!.GetValue<string>()).Distinct().Except(ReasoningGymVerifier.Families).ShouldBeEmpty();
        Should.Throw<KeyNotFoundException>(() => new ReasoningGymVerifier("sums")).Message.ShouldContain("there is no rule for the family 'sums'; one of base_conversion");
    }

    [Fact]
    public Task Numeric_judges_sums_and_products() =>
        AgreeAsync(new NumericVerifier(), (family, _) => family is "chain_sum" or "products", accepted: [], refused: ["fullwidth_digits", "underscore"], atLeast: 39);

    [Fact]
    public Task Numeric_judges_decimal_sums() =>
        AgreeAsync(new NumericVerifier(), (family, _) => family == "decimal_chain_sum", accepted: ["thousands"], refused: ["fullwidth_digits"], atLeast: 20);

    [Fact]
    public Task Numeric_judges_counts_of_days() =>
        AgreeAsync(new NumericVerifier(), (family, answer) => family == "calendar_arithmetic" && answer.All(char.IsAsciiDigit), accepted: ["thousands"], refused: ["fullwidth_digits"], atLeast: 8);

    [Fact]
    public Task Exact_judges_texts() =>
        AgreeAsync(new ExactVerifier(), (family, _) => _text.Contains(family), accepted: ["right_padded", "upper"], refused: [], atLeast: 120);

    [Fact]
    public Task Choice_judges_weekdays() =>
        AgreeAsync(new ChoiceVerifier(), (family, answer) => family == "calendar_arithmetic" && _weekdays.Contains(answer), accepted: [], refused: [], atLeast: 9, _weekdays);

    /// <param name="verifier">Ours.</param>
    /// <param name="applies">Which cases, by family and answer.</param>
    /// <param name="accepted">Kinds that are right by our rule, whatever the reference says.</param>
    /// <param name="refused">Kinds that are not.</param>
    /// <param name="atLeast">Cases that must be there.</param>
    /// <param name="choices">Choices of each question.</param>
    private static async Task AgreeAsync(IVerifier verifier, Func<string, string, bool> applies, string[] accepted, string[] refused, int atLeast, params string[] choices)
    {
        var folder = Fixtures.Questions("reasoning");
        Assert.SkipUnless(Directory.Exists(folder), $"{folder} is absent");
        var answers = Lines(folder, "test.jsonl").ToDictionary(q => q["id"]!.GetValue<string>(), q => q["answer"]!.GetValue<string>());
        var (seen, wrong) = (0, new List<string>());
        foreach (var item in Lines(folder, "verifier_cases.jsonl").Where(c => c["candidate"] is not null && answers.ContainsKey(c["question_id"]!.GetValue<string>())))
        {
            var (family, kind, candidate) = (item["family"]!.GetValue<string>(), item["kind"]!.GetValue<string>(), item["candidate"]!.GetValue<string>());
            var answer = answers[item["question_id"]!.GetValue<string>()];
            if (!applies(family, answer))
            {
                continue;
            }

            seen++;
            var question = new Question { Id = "q", Suite = family, Category = "reasoning", Text = "?", Answer = answer, Verifier = verifier.Name, Choices = choices };
            var got = await verifier.VerifyAsync(question, candidate, TestContext.Current.CancellationToken);
            var expected = accepted.Contains(kind) || (!refused.Contains(kind) && item["expected_right"]!.GetValue<bool>());
            if (got == Verdict.Correct != expected)
            {
                wrong.Add($"{item["case"]} {kind}: '{candidate}' for '{answer}' is {got}");
            }
        }

        wrong.ShouldBeEmpty();
        seen.ShouldBeGreaterThanOrEqualTo(atLeast);
    }

    private static IEnumerable<JsonNode> Lines(string folder, string file) => File.ReadLines(Path.Combine(folder, file)).Select(l => JsonNode.Parse(l)!);
}
