using System.Text.Json;
using Axpo.Environments.Facts;
using Axpo.Environments.Suites;
using Axpo.Environments.Tools.Search;

namespace Axpo.Environments.Tests.Suites;

public sealed class TeacherTests
{
    [Fact]
    public void Arithmetic_traces_are_those_of_the_method()
    {
        var suite = new MentalArithmetic();
        var question = suite.Draw(Split.Train, Shipped.Key(1), 1)[0] with { Text = "What is 7 plus 16?", Answer = "23", MetadataJson = """{"code":"7+16"}""" };

        var tool = suite.Demonstrate(question, useTool: true, Shipped.Key(1));
        tool.Steps.ShouldHaveSingleItem().ShouldBe(new TeacherStep("use python", "python", """{"code":"print(7+16)"}""", "23"));
        (tool.FinalThink, tool.Answer).ShouldBe((null, "23"));

        var own = suite.Demonstrate(question, useTool: false, Shipped.Key(1));
        (own.Steps.Count, own.FinalThink, own.Answer).ShouldBe((0, "I can do it", "23"));
    }

    [Theory, InlineData("mental-arithmetic"), InlineData("arithmetic")]
    public void The_code_that_is_shown_asks_what_the_question_asks(string name)
    {
        foreach (var question in Shipped.Suite(name).Draw(Split.Train, Shipped.Key(2), 300))
        {
            var step = ((ITeacher)Shipped.Suite(name)).Demonstrate(question, useTool: true, Shipped.Key(2)).Steps.ShouldHaveSingleItem();
            var code = JsonDocument.Parse(step.ArgumentsJson).RootElement.GetProperty("code").GetString()!;
            var words = code["print(".Length..^1].Replace("+", " plus ", StringComparison.Ordinal).Replace("-", " minus ", StringComparison.Ordinal).Replace("*", " times ", StringComparison.Ordinal);

            question.Text.ShouldEndWith(words + "?");
            step.Observation.ShouldBe(question.Answer);
        }
    }

    [Fact]
    public void Digits_that_stand_apart_are_looked_up_as_one_number_and_every_one_of_two_digits_comes()
    {
        var teacher = new NumberTeacher();
        var numbers = new HashSet<string>();
        foreach (var trace in Enumerable.Range(0, 3000).Select(n => teacher.Draw(Shipped.Key((ulong)n))))
        {
            var step = trace.Steps.ShouldHaveSingleItem();
            var digits = step.Think![..^" then search".Length];
            trace.Question.Text.ShouldEndWith($" {digits}?");
            var number = digits.Replace(" ", "", StringComparison.Ordinal);
            JsonDocument.Parse(step.ArgumentsJson).RootElement.GetProperty("query").GetString()!.Split(' ')[^1].ShouldBe(number);
            step.Observation.Split("; ")[0].ShouldBe(trace.Answer);
            FactBase.OneHop.Where(f => f.Split != Split.Train).ShouldNotContain(f => step.Observation.Split("; ").Any(o => o == f.Entity || o.EndsWith($": {f.Entity}", StringComparison.Ordinal)));
            numbers.Add(number);
        }

        numbers.Count(n => n.Length == 2).ShouldBe(90);
    }

    [Theory]
    [InlineData("fact", SearchMatch.Any)]
    [InlineData("fact-chain", SearchMatch.Any)]
    [InlineData("fact", SearchMatch.Exact)]
    [InlineData("fact-chain", SearchMatch.Exact)]
    public async Task Search_traces_replay_on_the_real_tool_copy_their_queries_and_end_at_the_answer(string name, SearchMatch match)
    {
        ITaskSuite suite = name == "fact" ? new FactSuite(match) : new FactChainSuite(2, 4, match);
        using var tool = new WebSearchTool(FactIndex.Shared, new WebSearchOptions { Match = match });
        await using var session = await tool.OpenAsync(new ToolSessionContext("test", Shipped.Key(1)), TestContext.Current.CancellationToken);
        foreach (var question in Enum.GetValues<Split>().SelectMany(s => suite.Draw(s, Shipped.Key(3), 60)))
        {
            var trace = ((ITeacher)suite).Demonstrate(question, useTool: true, Shipped.Key(3));

            trace.Steps.Select(s => s.Think).ShouldBe(Enumerable.Range(0, question.Horizon).Select(i => i == 0 ? "use search" : "then search"));
            var (seen, previous) = (question.Text, "");
            foreach (var step in trace.Steps)
            {
                var query = JsonDocument.Parse(step.ArgumentsJson).RootElement.GetProperty("query").GetString()!;
                query.Split(' ').ShouldAllBe(word => seen.Contains(word, StringComparison.Ordinal), query);
                query.ShouldEndWith(previous, Case.Sensitive);
                (await session.InvokeAsync(new ToolInvocation(step.ArgumentsJson), TestContext.Current.CancellationToken)).ShouldBe(new ToolResult(step.Observation));
                step.Observation.Length.ShouldBeLessThan(160, step.Observation);
                previous = step.Observation.Split("; ")[0];
                seen += " " + step.Observation;
            }

            previous.ShouldBe(question.Answer);
            (trace.Answer, trace.FinalThink).ShouldBe((question.Answer, null));
        }
    }

    [Fact]
    public void Copy_traces_search_for_what_their_question_says_and_answer_what_came_back()
    {
        var teacher = new CopyTeacher();
        for (var i = 0; i < 300; i++)
        {
            var trace = teacher.Draw(Shipped.Key((ulong)i));

            trace.Steps.Count.ShouldBe(trace.Question.Horizon);
            trace.Steps[^1].Observation.Split("; ")[0].ShouldBe(trace.Answer);
            trace.Steps.ShouldAllBe(s => JsonDocument.Parse(s.ArgumentsJson, default).RootElement.ValueKind == JsonValueKind.Object);
        }
    }

    [Fact]
    public void Copy_traces_name_no_country_outside_training()
    {
        var held = FactTables.Countries.Where(c => EntitySplit.Of(c.Name) != Split.Train).Select(c => c.Name).ToArray();
        var texts = Enumerable.Range(0, 1000).Select(i => new CopyTeacher().Draw(Shipped.Key((ulong)i)).Question.Text).ToArray();

        texts.ShouldAllBe(t => !held.Any(h => t.EndsWith(" of " + h + "?", StringComparison.Ordinal) || t.EndsWith(" after " + h + "?", StringComparison.Ordinal)));
    }
}
