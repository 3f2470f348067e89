using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using Axpo.Environments.Facts;
using Axpo.Environments.Suites;

namespace Axpo.Environments.Tests.Suites;

public sealed partial class SuiteTests
{
    private static readonly Split[] _splits = Enum.GetValues<Split>();

    public static TheoryData<string> Names => Shipped.Names;

    [Theory, MemberData(nameof(Names))]
    public void The_same_key_draws_the_same_questions_and_another_one_does_not(string name)
    {
        var suite = Shipped.Suite(name);
        var drawn = suite.Draw(Split.Train, Shipped.Key(1), 40);

        suite.Draw(Split.Train, Shipped.Key(1), 40).Select(q => JsonSerializer.Serialize(q)).ShouldBe(drawn.Select(q => JsonSerializer.Serialize(q)));
        suite.Draw(Split.Train, Shipped.Key(2), 40).Select(q => q.Text).ShouldNotBe(drawn.Select(q => q.Text));
    }

    [Theory, MemberData(nameof(Names))]
    public void A_shorter_draw_is_the_beginning_of_a_longer_one(string name) =>
        Shipped.Suite(name).Draw(Split.Test, Shipped.Key(3), 25).Select(q => q.Id)
            .ShouldBe(Shipped.Suite(name).Draw(Split.Test, Shipped.Key(3), 100).Take(25).Select(q => q.Id));

    [Theory, MemberData(nameof(Names))]
    public void No_text_comes_twice_in_a_draw_and_ids_name_texts(string name)
    {
        foreach (var split in _splits)
        {
            var drawn = Shipped.Suite(name).Draw(split, Shipped.Key(4), 250);

            drawn.Count.ShouldBe(250);
            drawn.Select(q => (q.Text, q.Images.FirstOrDefault())).Distinct().Count().ShouldBe(250);
            drawn.Select(q => q.Id).Distinct().Count().ShouldBe(250);
            drawn.ShouldAllBe(q => q.Suite == name && q.Answer.Length > 0);
            drawn.ShouldAllBe(q => !q.Id.Contains('/', StringComparison.Ordinal), "ids become parts of grain keys");
        }
    }

    [Fact]
    public void A_draw_larger_than_its_split_uses_the_split_up_before_it_repeats()
    {
        var drawn = Shipped.Suite("mental-arithmetic").Draw(Split.Validation, Shipped.Key(5), 1000);

        drawn.Count.ShouldBe(1000);
        drawn.Select(q => q.Text).Distinct().Count().ShouldBeGreaterThan(850, "the split holds 864 texts");
        drawn.Take(600).Select(q => q.Text).Distinct().Count().ShouldBe(600);
    }

    [Theory, MemberData(nameof(Names))]
    public void Splits_share_no_text(string name)
    {
        var sets = _splits.Select(s => Shipped.Suite(name).Draw(s, Shipped.Key(10), s == Split.Train ? 1500 : 500).Select(q => q.Text).ToHashSet()).ToArray();

        sets.ShouldAllBe(s => s.Count >= (Shipped.Suite(name) is IImageSuite ? 5 : 11));
        sets.Sum(s => s.Count).ShouldBe(sets.SelectMany(s => s).Distinct().Count());
    }

    [Fact]
    public void Mental_arithmetic_is_the_stated_exception_every_fact_trains()
    {
        var suite = Shipped.Suite("mental-arithmetic");
        string[] Facts(Split split, int count) => [.. suite.Draw(split, Shipped.Key(6), count).Select(q => q.MetadataJson).Distinct()];

        MentalArithmetic.FactCount.ShouldBe(864);
        var train = Facts(Split.Train, 6912);
        train.Length.ShouldBe(864);
        Facts(Split.Test, 700).ShouldBeSubsetOf(train);
    }

    [Theory, InlineData("mental-arithmetic"), InlineData("arithmetic")]
    public void Arithmetic_answers_are_right(string name)
    {
        var operations = new HashSet<string>();
        foreach (var question in Shipped.Suite(name).Draw(Split.Train, Shipped.Key(7), 500))
        {
            var match = Calculation().Match(question.Text);
            var (a, op, b) = (decimal.Parse(match.Groups["a"].Value, CultureInfo.InvariantCulture), match.Groups["op"].Value, decimal.Parse(match.Groups["b"].Value, CultureInfo.InvariantCulture));
            operations.Add(op);
            decimal.Parse(question.Answer, CultureInfo.InvariantCulture).ShouldBe(op switch { "plus" => a + b, "minus" => a - b, _ => a * b }, question.Text);
        }

        operations.Order().ShouldBe(["minus", "plus", "times"]);
    }

    [Fact]
    public void Facts_are_answered_as_the_tables_say()
    {
        foreach (var question in Shipped.Suite("fact").Draw(Split.Test, Shipped.Key(8), 200))
        {
            FactBase.OneHop.Where(f => question.Text.EndsWith(" " + f.Title + "?", StringComparison.Ordinal)).ShouldHaveSingleItem().Answer.ShouldBe(question.Answer);
        }
    }

    [Fact]
    public void After_is_the_next_calling_code_of_the_same_split_and_never_leaves_it()
    {
        foreach (var split in _splits)
        {
            var ring = FactTables.Countries.Where(c => EntitySplit.Of(c.Name) == split).ToArray();
            ring.Length.ShouldBeGreaterThan(8, "a chain of eight hops must not come back to its start");
            var walked = new List<Country> { ring[0] };
            while (FactBase.After[walked[^1].Name] is var next && next != ring[0])
            {
                walked.Add(next);
            }

            walked.ShouldBe(ring, ignoreOrder: true);
            walked.Zip(walked.Skip(1)).Count(p => p.First.CallingCode > p.Second.CallingCode).ShouldBeLessThanOrEqualTo(1, "the ring closes once");
        }
    }

    [Fact]
    public void Chains_have_the_horizon_asked_for()
    {
        var chain = (IHorizonSuite)new FactChainSuite();

        chain.Draw(Split.Test, Shipped.Key(9), 200).Select(q => q.Horizon).Distinct().Order().ShouldBe([2, 3, 4]);
        chain.WithHorizon(3, 5).Draw(Split.Test, Shipped.Key(9), 200).Select(q => q.Horizon).Distinct().Order().ShouldBe([3, 4, 5]);
        chain.WithHorizon(8, 8).Draw(Split.Validation, Shipped.Key(9), 20).ShouldAllBe(q => q.Horizon == 8);
    }

    [Theory, InlineData(4, 3), InlineData(1, 2), InlineData(2, 9)]
    public void A_horizon_out_of_range_is_refused_naming_values_and_remedy(int min, int max) =>
        Should.Throw<ArgumentException>(() => new FactChainSuite(min, max)).Message.ShouldStartWith($"tasks.horizonMin {min}, tasks.horizonMax {max}: fact-chain has chains of 2 to 8 hops; give");

    [GeneratedRegex(@"(?<a>[0-9]+) (?<op>plus|minus|times) (?<b>[0-9]+)\?$", RegexOptions.NonBacktracking)]
    private static partial Regex Calculation();
}
