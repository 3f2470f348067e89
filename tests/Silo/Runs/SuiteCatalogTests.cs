using Axpo.Core;
using Axpo.Environments;
using Axpo.Environments.Questions;
using Axpo.Silo.Runs;
using Microsoft.Extensions.DependencyInjection;
using Shouldly;
using Xunit;

namespace Axpo.Silo.Tests.Runs;

public sealed class SuiteCatalogTests : IDisposable
{
    private readonly TempFolder _temp = new();
    private readonly ServiceProvider _services = new ServiceCollection().AddAxpoEnvironments().AddSingleton<SuiteCatalog>().BuildServiceProvider();

    private SuiteCatalog Catalog => _services.GetRequiredService<SuiteCatalog>();

    public void Dispose()
    {
        _services.Dispose();
        _temp.Dispose();
    }

    [Fact]
    public async Task A_file_takes_the_place_of_the_suites()
    {
        var source = await OpenAsync("exact");
        var asked = source.Draw(1, Phase.Eval, 0, Split.Test, 10);
        asked.Select(q => q.Id).ShouldBe(["a", "b"]);
        asked[0].Tools.ShouldBe(["python"]); // Of the suite arithmetic, registered or not: preflight asks for it by name.
        asked[1].Tools.ShouldBe(["web_search"]); // Every registered tool that needs no image and is not held out.
        source.Tools.ShouldBe(["python", "web_search"]);
    }

    [Fact]
    public async Task A_file_with_a_verifier_that_is_not_registered_is_refused() =>
        (await Should.ThrowAsync<QuestionFileException>(() => OpenAsync("telepathy"))).Message.ShouldContain("there are choice, exact, f1, numeric");

    [Fact]
    public async Task Suites_are_set_up_with_the_horizon_and_offer_their_tools()
    {
        var source = await Catalog.OpenAsync(new RunConfiguration { Tasks = new TaskOptions { Suites = new() { ["fact-chain"] = 1 }, HorizonMin = 5, HorizonMax = 6 } }, TestContext.Current.CancellationToken);
        var asked = source.Draw(1, Phase.Train, 1, Split.Train, 30);
        asked.Select(q => q.Horizon).Distinct().Order().ShouldBe([5, 6]);
        asked.ShouldAllBe(q => q.Tools!.Single() == "web_search");
        source.Tools.ShouldBe(["web_search"]);
    }

    [Theory]
    [InlineData(0, 0, new[] { 2, 3, 4 }, new[] { 1 }, new[] { 2, 3 })]
    [InlineData(3, 0, new[] { 3, 4 }, new[] { 3 }, new[] { 3 })]
    [InlineData(0, 2, new[] { 2 }, new[] { 1, 2 }, new[] { 2 })]
    [InlineData(2, 3, new[] { 2, 3 }, new[] { 2, 3 }, new[] { 2, 3 })]
    public async Task An_end_of_the_horizon_that_is_left_open_is_each_suites_own(int min, int max, int[] chains, int[] found, int[] sums)
    {
        foreach (var (name, want) in new[] { ("fact-chain", chains), ("find-digit", found), ("sum-digits", sums) })
        {
            var source = await Catalog.OpenAsync(new RunConfiguration { Tasks = new TaskOptions { Suites = new() { [name] = 1 }, HorizonMin = min, HorizonMax = max } }, TestContext.Current.CancellationToken);
            source.Draw(1, Phase.Train, 1, Split.Train, 20).Select(q => q.Horizon).Distinct().Order().ToArray().ShouldBe(want, name);
        }
    }

    [Fact]
    public async Task Chains_grow_in_training_alone_and_every_suite_keeps_its_share()
    {
        var source = await Catalog.OpenAsync(
            new RunConfiguration
            {
                Tasks = new TaskOptions { Suites = new() { ["fact"] = 1, ["fact-chain"] = 3 }, HorizonMin = 2, HorizonMax = 6 },
                Curriculum = new CurriculumOptions { StepsPerCall = 5, Start = 3, Lengths = 2 },
            },
            TestContext.Current.CancellationToken);
        foreach (var (step, lengths) in new[] { (1, new[] { 2, 3 }), (5, [2, 3]), (6, [3, 4]), (20, [5, 6]), (21, [2, 3, 4, 5, 6]) })
        {
            var asked = source.Draw(1, Phase.Train, step, Split.Train, 40);
            Chains(asked).ShouldBe(lengths, $"step {step}");
            asked.Count(q => q.Suite == "fact").ShouldBe(10);
            source.Draw(1, Phase.Train, step, Split.Train, 30, 10).Select(q => q.Text).ShouldBe(asked.Select(q => q.Text), "spare questions follow the batch");
        }

        foreach (var (phase, step) in new[] { (Phase.Eval, 0), (Phase.EvalT1, 1), (Phase.Rollout, 0) })
        {
            Chains(source.Draw(1, phase, step, Split.Test, 40)).ShouldBe([2, 3, 4, 5, 6], $"{phase}");
        }

        source.Tools.ShouldBe(["web_search"]);

        static int[] Chains(IEnumerable<Question> asked) => [.. asked.Where(q => q.Suite == "fact-chain").Select(q => q.Horizon).Distinct().Order()];
    }

    [Theory]
    [InlineData(Phase.Eval, "find-digit", new[] { "image_zoom_in", "image_search" })]
    [InlineData(Phase.EvalT1, "find-digit", new[] { "image_zoom_in", "image_search" })]
    [InlineData(Phase.EvalT1, "fact", new[] { "web_search" })]
    [InlineData(Phase.Train, "find-digit", new[] { "image_zoom_in" })]
    [InlineData(Phase.Rollout, "find-digit", new[] { "image_zoom_in" })]
    public async Task Evaluation_alone_offers_the_tools_that_it_names_to_questions_that_they_can_serve(Phase phase, string suite, string[] offered)
    {
        var source = await Catalog.OpenAsync(
            new RunConfiguration { Tasks = new TaskOptions { Suites = new() { [suite] = 1 } }, Evaluation = new EvaluationOptions { Tools = " image_search," } }, TestContext.Current.CancellationToken);
        source.Draw(1, phase, 1, Split.Test, 2).ShouldAllBe(q => q.Tools!.SequenceEqual(offered));
        source.Tools.ShouldContain("image_search");
    }

    [Fact]
    public async Task An_unknown_suite_is_refused_by_name() =>
        (await Should.ThrowAsync<KeyNotFoundException>(() => Catalog.OpenAsync(new RunConfiguration { Tasks = new TaskOptions { Suites = new() { ["facts"] = 1 } } }, TestContext.Current.CancellationToken))).Message.ShouldContain("'facts'");

    private Task<IQuestionSource> OpenAsync(string verifier)
    {
        var path = Path.Combine(_temp.Path, "q.jsonl");
        File.WriteAllLines(path,
        [
            $$"""{"id":"a","question":"?","answer":"1","category":"reasoning","suite":"arithmetic","verifier":"{{verifier}}"}""",
            """{"id":"b","question":"?","answer":"1","category":"search","suite":"my-own","verifier":"exact"}""",
        ]);
        return Catalog.OpenAsync(new RunConfiguration { Tasks = new TaskOptions { Questions = path } }, TestContext.Current.CancellationToken);
    }
}
