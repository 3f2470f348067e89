using System.Globalization;
using System.Text.RegularExpressions;
using Axpo.Environments.Suites;
using Axpo.Environments.Tools.Python;
using Axpo.Environments.Verifiers;

namespace Axpo.Environments.Tests.Suites;

public sealed partial class CalendarTests
{
    private static readonly string[] _weekdays = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
    private readonly CalendarSuite _suite = new();

    [Fact]
    public void Answers_are_right_by_julian_day_numbers()
    {
        var kinds = new HashSet<string>();
        foreach (var question in Enum.GetValues<Split>().SelectMany(s => _suite.Draw(s, Shipped.Key(1), 400)))
        {
            var dates = Dates().Matches(question.Text).Select(m => Julian(m.Value)).ToArray();
            kinds.Add(question.Verifier);
            switch (question.Verifier)
            {
                case "choice":
                    question.Answer.ShouldBe(_weekdays[dates.ShouldHaveSingleItem() % 7], question.Text);
                    question.Choices.ShouldBe(_weekdays, ignoreOrder: true);
                    break;
                case "numeric":
                    question.Answer.ShouldBe((dates[1] - dates[0]).ToString(CultureInfo.InvariantCulture), question.Text);
                    break;
                default:
                    (Julian(question.Answer) - dates.ShouldHaveSingleItem()).ShouldBe(int.Parse(Days().Match(question.Text).Groups["n"].Value, CultureInfo.InvariantCulture), question.Text);
                    break;
            }
        }

        kinds.Order().ShouldBe(["choice", "exact", "numeric"]);
        Julian("2000-01-01").ShouldBe(2451545);
    }

    [Fact]
    public void Years_are_1900_to_2099_answers_included()
    {
        var years = _suite.Draw(Split.Train, Shipped.Key(2), 3000).SelectMany(q => Dates().Matches(q.Text + " " + q.Answer).Select(m => m.Value[..4])).ToHashSet();

        years.Count.ShouldBeGreaterThan(100);
        years.ShouldAllBe(y => y.CompareTo("1900") >= 0 && y.CompareTo("2099") <= 0);
    }

    [Fact]
    public async Task The_code_that_is_shown_prints_the_answer_in_the_real_tool_and_the_verifier_takes_it()
    {
        await using var tool = new PythonTool(new PythonToolOptions { Sandboxes = 1 });
        var probe = await tool.ProbeAsync(TestContext.Current.CancellationToken);
        Assert.SkipUnless(probe.Works, probe.Detail);
        IVerifier[] verifiers = [new ExactVerifier(), new NumericVerifier(), new ChoiceVerifier()];
        await using var session = await tool.OpenAsync(new ToolSessionContext("test", Shipped.Key(3)), TestContext.Current.CancellationToken);
        foreach (var question in _suite.Draw(Split.Train, Shipped.Key(3), 60))
        {
            var step = _suite.Demonstrate(question, useTool: true, Shipped.Key(3)).Steps.ShouldHaveSingleItem();

            step.Tool.ShouldBe("python");
            (await session.InvokeAsync(new ToolInvocation(step.ArgumentsJson), TestContext.Current.CancellationToken)).ShouldBe(new ToolResult(step.Observation));
            step.Observation.ShouldBe(question.Answer);
            (await verifiers.Single(v => v.Name == question.Verifier).VerifyAsync(question, step.Observation, TestContext.Current.CancellationToken)).ShouldBe(Verdict.Correct);
        }
    }

    [Fact]
    public void The_code_is_one_short_line() =>
        _suite.Draw(Split.Train, Shipped.Key(4), 300).ShouldAllBe(q => _suite.Demonstrate(q, true, Shipped.Key(4)).Steps[0].ArgumentsJson.Length < 90);

    /// <summary>Day number by the usual integer formula of Fliegel and Van Flandern; its remainder by 7 is 0 on Mondays.</summary>
    private static int Julian(string iso)
    {
        var (y, m, d) = (int.Parse(iso[..4], CultureInfo.InvariantCulture), int.Parse(iso[5..7], CultureInfo.InvariantCulture), int.Parse(iso[8..], CultureInfo.InvariantCulture));
        var a = (14 - m) / 12;
        var (year, month) = (y + 4800 - a, m + (12 * a) - 3);
        return d + (((153 * month) + 2) / 5) + (365 * year) + (year / 4) - (year / 100) + (year / 400) - 32045;
    }

    [GeneratedRegex("[0-9]{4}-[0-9]{2}-[0-9]{2}", RegexOptions.NonBacktracking)]
    private static partial Regex Dates();

    [GeneratedRegex("(?<n>[0-9]+) days after", RegexOptions.NonBacktracking)]
    private static partial Regex Days();
}
