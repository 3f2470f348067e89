using System.Text.Json;
using System.Text.RegularExpressions;
using Axpo.Environments.Digits;
using Axpo.Environments.Facts;
using Axpo.Environments.Suites;
using Axpo.Environments.Suites.Pictures;
using Microsoft.Extensions.DependencyInjection;

namespace Axpo.Environments.Tests.Suites;

/// <summary>
/// Evaluation asks about nothing that training showed, suite by suite: what each holds out belongs to one split by a fixed function of itself, and a large draw of every split holds nothing of another's.
/// <c>mental-arithmetic</c> is the stated exception: what is memorised must be shared, so it holds out texts alone.
/// </summary>
public sealed partial class DisjointnessTests
{
    /// <summary>What a suite holds out of one question, each with the split it belongs to; null where no function says so.</summary>
    private static readonly Dictionary<string, Func<Question, IEnumerable<(string Part, Split? Of)>>> _held = new(StringComparer.Ordinal)
    {
        ["mental-arithmetic"] = q => [(q.Text, null)],
        ["arithmetic"] = q => [(string.Join(',', Numbers().Matches(q.Text).Select(m => m.Value)), null)],
        ["calendar"] = q => Years().Matches($"{q.Text} {q.Answer}").Select(m => ($"year {m.Groups["year"].Value}", (Split?)EntitySplit.Of($"year {m.Groups["year"].Value}"))),
        ["fact"] = Entities,
        ["fact-chain"] = Entities,
        ["find-digit"] = Digits,
        ["compare-digits"] = Digits,
        ["sum-digits"] = Digits,
        ["picture-fact"] = q => [.. Digits(q), (q.Answer, EntitySplit.Of(q.Answer))],
    };

    public static TheoryData<string> Names => Shipped.Names;

    [Theory, MemberData(nameof(Names))]
    public void No_split_asks_about_what_another_shows(string name)
    {
        _held.ShouldContainKey(name, "every suite states here what it holds out");
        var suite = Shipped.Suite(name);
        var count = suite is IImageSuite ? 60 : 1500;
        var parts = Enum.GetValues<Split>().ToDictionary(s => s, s => suite.Draw(s, Shipped.Key(12), s == Split.Train ? 2 * count : count).SelectMany(_held[name]).ToArray());

        foreach (var (split, shown) in parts)
        {
            shown.Length.ShouldBeGreaterThan(count / 2);
            shown.Where(p => p.Of is not null).ShouldAllBe(p => p.Of == split);
            var others = parts.Where(p => p.Key != split).SelectMany(p => p.Value).Select(p => p.Part).ToHashSet(StringComparer.Ordinal);
            shown.Select(p => p.Part).Where(others.Contains).ShouldBeEmpty();
        }
    }

    [Fact]
    public async Task Every_registered_suite_is_among_them()
    {
        await using var services = new ServiceCollection().AddAxpoEnvironments().BuildServiceProvider();

        services.GetServices<ITaskSuite>().Select(s => s.Name).ShouldBe(_held.Keys, ignoreOrder: true);
    }

    [Fact]
    public void No_trace_of_the_copy_teacher_holds_a_name_that_is_held_out()
    {
        string[] held = [.. FactBase.OneHop.Where(f => f.Split != Split.Train).Select(f => f.Entity).Distinct(StringComparer.Ordinal)];
        var copier = new CopyTeacher();
        foreach (var trace in Enumerable.Range(0, 3000).Select(n => copier.Draw(Shipped.Key(13).With(n.ToString(System.Globalization.CultureInfo.InvariantCulture)))))
        {
            foreach (var query in trace.Steps.Where(s => s.Tool == "web_search").Select(s => JsonDocument.Parse(s.ArgumentsJson).RootElement.GetProperty("query").GetString()!))
            {
                held.ShouldNotContain(query[(query.LastIndexOf(" of ", StringComparison.Ordinal) + 4)..]);
            }
        }
    }

    private static IEnumerable<(string Part, Split? Of)> Entities(Question question) => Touched(question).Select(e => (e, (Split?)EntitySplit.Of(e)));

    /// <summary>Every country, element and airport that the question or its way to the answer touches.</summary>
    private static IEnumerable<string> Touched(Question question)
    {
        if (question.Suite == "fact")
        {
            return [FactBase.OneHop.Single(f => question.Text.EndsWith(" " + f.Title + "?", StringComparison.Ordinal)).Entity];
        }

        var start = question.Text[(question.Text.LastIndexOf("country after ", StringComparison.Ordinal) + "country after ".Length)..].TrimEnd('?');
        var touched = new List<string> { start };
        for (var i = 1; i < question.Horizon; i++)
        {
            touched.Add(FactBase.After[touched[^1]].Name);
        }

        return touched;
    }

    private static IEnumerable<(string Part, Split? Of)> Digits(Question question) =>
        JsonDocument.Parse(question.MetadataJson).RootElement.GetProperty("digits").EnumerateArray()
            .Select(d => (Digit: d.GetProperty("digit").GetInt32(), Index: d.GetProperty("mnist_index").GetInt32()))
            .Select(d => ($"digit {d.Digit} {d.Index}", (Split?)HandwrittenDigits.SplitOf(d.Index)));

    [GeneratedRegex("[0-9]+", RegexOptions.NonBacktracking)]
    private static partial Regex Numbers();

    [GeneratedRegex("(?<year>[0-9]{4})-[0-9]{2}-[0-9]{2}", RegexOptions.NonBacktracking)]
    private static partial Regex Years();
}
