using System.Text.Json;
using System.Xml;
using System.Xml.Linq;
using Axpo.Silo.Comparisons;
using Axpo.Silo.Storage;
using Shouldly;
using Xunit;

namespace Axpo.Silo.Tests.Comparisons;

public sealed class ComparisonRendererTests : IDisposable
{
    private readonly TempFolder _folder = new();

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Figures_follow_from_the_summaries()
    {
        var results = await ResultsAsync();
        results.Missing.ShouldBeEmpty();
        results.Algorithms.Select(a => (a.Name, a.VoidEpisodes, a.VoidAttempts)).ShouldBe([("base", 0, 0), ("better", 2, 6)]);
        HeldOut(results, Moment.Start, "better", "pass@1").Mean.ShouldBe(.25);
        HeldOut(results, Moment.End, "better", "pass@1").Mean.ShouldBe(.75);
        HeldOut(results, Moment.End, "better", "pass@1").Deviation.ShouldBe(0);
        HeldOut(results, Moment.End, "better", "pass@2").Mean.ShouldBe(1);
        HeldOut(results, Moment.End, "base", "pass@2").Mean.ShouldBe(.5); // 1 - C(3,2)/C(4,2)
        HeldOut(results, Moment.End, "base", "all-wrong-with-call").Mean.ShouldBe(1);
        HeldOut(results, Moment.End, "better", "tool-use").Mean.ShouldBe(.75);
        HeldOut(results, Moment.End, "better", "pass@1", "odd").Mean.ShouldBe(.75);
        results.HeldOut.ShouldNotContain(h => h.Measure == "pass@8");
        Training(results, "generated-tokens").ShouldBe(600);
        Training(results, "continuation-tokens").ShouldBe(200);
        Training(results, "recovery").ShouldBe((.25 + .5 + .75 + 1) / 4);
        Training(results, "tokens-per-recovered-group").ShouldBe(200 / 10.0);
    }

    [Fact]
    public async Task Runs_are_matched_at_their_last_evaluation_within_what_every_run_has_spent()
    {
        var results = await ResultsAsync();
        results.Matched.ShouldBe(new MatchedCost(400, 8));

        // At 400 tokens and at 8 s `better` has its evaluation after step 2 (300 tokens, 6 s), `base` the one at its end; 2 questions are common to both.
        foreach (var moment in new[] { Moment.Tokens, Moment.Seconds })
        {
            HeldOut(results, moment, "better", "pass@1").Values.Select(v => v.Step).ShouldBe([2, 2]);
            var difference = results.Differences.Single(d => d.Moment == moment && d.Sampling == HeldOutSampling.Paper && d.Measure == "pass@1");
            (difference.Mean, difference.Low, difference.High, difference.P, difference.Seeds, difference.Pairs).ShouldBe((.25, .25, .25, .0001, 2, 4));
        }

        var end = results.Differences.Single(d => d.Moment == Moment.End && d.Sampling == HeldOutSampling.Paper && d.Measure == "pass@1");
        (end.Mean, end.Pairs).ShouldBe((.5, 8));

        // Six comparisons: Pass@1 and Pass@4 with the paper's sampling; at T 1 tool use and all wrong too. Every p is the smallest there is.
        results.Differences.Count(d => d.Moment == Moment.End).ShouldBe(6);
        end.Corrected.ShouldBe(.0006);
    }

    [Theory]
    [InlineData(150, null)] // The step of its first evaluation began there.
    [InlineData(151, 2)]
    [InlineData(450, 2)]
    [InlineData(451, 4)] // Its last step began just below: so a run ends that has such a budget.
    [InlineData(600, 4)]
    public void A_run_counts_where_its_last_step_within_a_budget_ends(long tokens, int? step)
    {
        var run = new ComparedRun(SyntheticComparison.Summary(new PlannedCell("better", 1, "axpo", [], 1, "")));
        (run.At(Moment.Tokens, HeldOutSampling.Paper, new MatchedCost(tokens, 0))?.Step).ShouldBe(step);
        (run.At(Moment.Seconds, HeldOutSampling.Paper, new MatchedCost(0, tokens / 50.0))?.Step).ShouldBe(step);
    }

    [Fact]
    public async Task Suites_are_broken_down_by_the_calls_that_questions_need_in_order_of_their_number()
    {
        await SyntheticComparison.WriteAsync(_folder.Path);
        var (results, files) = await ComparisonRenderer.RenderAsync(_folder.Path, Token);
        results.HeldOut.Select(h => (h.Suite, h.Calls)).Distinct().ShouldBe([(null, null), ("even", null), ("even", 2), ("even", 10), ("odd", null)]);
        files["README.md"].ShouldContain("| better | even, 2 calls | 0.250 → 0.750 ± 0.000 |");
        string[] lines = files["results.csv"].Split('\n', StringSplitOptions.RemoveEmptyEntries);
        lines.ShouldAllBe(l => l.Count(c => c == ',') == lines[0].Count(c => c == ','));
        lines.ShouldContain("better,1,held-out,paper,even,10,4,600,12,1,pass@1,0.75");
    }

    [Fact]
    public async Task Gains_are_paired_with_the_start_of_the_same_runs()
    {
        var results = await ResultsAsync();
        var gain = results.Gains.Single(g => g.Name == "better" && g.Sampling == HeldOutSampling.T1 && g.Measure == "pass@1");
        (gain.Mean, gain.Low, gain.High, gain.P, gain.Seeds, gain.Pairs).ShouldBe((.5, .5, .5, .0001, 2, 8));

        // Twelve gains: two algorithms, Pass@1 and Pass@4 with both samplings, tool use and all wrong at T 1.
        results.Gains.Count.ShouldBe(12);
        gain.Corrected.ShouldBe(.0012);
        results.Gains.Where(g => g.Name == "base").ShouldAllBe(g => g.Mean == 0 && g.P == 1);
    }

    [Fact]
    public async Task Right_with_a_call_and_without_are_shares_of_samples_not_of_questions()
    {
        // At the end `better` has 3 calls of 4 samples a question, 2 of them right, and 3 right in all: the sample without a call is right.
        var results = await ResultsAsync();
        HeldOut(results, Moment.End, "better", "right-with-call").Mean.ShouldBe(Math.Round(2 / 3.0, 6));
        HeldOut(results, Moment.End, "better", "right-without-call").Mean.ShouldBe(1);

        var uneven = new EvaluationSummary { Step = 0, Sampling = HeldOutSampling.T1, Samples = 4, Live = [4, 4, 4], Correct = [1, 3, 2], Calls = [1, 3, 0], CorrectCalls = [1, 0, 0] };
        HeldOutMeasure.RightWithCall.Mean(uneven, int.MaxValue).ShouldBe(1 / 4.0);
        HeldOutMeasure.RightWithoutCall.Mean(uneven, int.MaxValue).ShouldBe(5 / 8.0);
        HeldOutMeasure.RightWithCall.Mean(uneven, int.MaxValue, q => q == 2).ShouldBe(double.NaN);
    }

    [Fact]
    public async Task Cells_that_have_not_finished_are_named_and_pairs_need_both_sides()
    {
        await SyntheticComparison.WriteAsync(_folder.Path, (name, seed) => name == "base" || seed == 2);
        var results = await ComparisonRenderer.WriteAsync(_folder.Path, Token);
        results.Missing.ShouldBe(["better, seed 1"]);
        results.Differences.ShouldAllBe(d => d.Seeds == 1);
        (await File.ReadAllTextAsync(Path.Combine(_folder.Path, "README.md"), Token)).ShouldContain("- Not finished yet: better, seed 1\n");
    }

    [Fact]
    public async Task Before_anything_has_finished_there_is_a_page_without_figures()
    {
        await SyntheticComparison.WriteAsync(_folder.Path, (_, _) => false);
        var (results, files) = await ComparisonRenderer.RenderAsync(_folder.Path, Token);
        results.Missing.Count.ShouldBe(4);
        files.Keys.ShouldBe(["README.md", "index.html", "results.csv", "results.json"]);
    }

    [Fact]
    public async Task Rendering_twice_gives_the_same_bytes_and_old_plots_go()
    {
        await SyntheticComparison.WriteAsync(_folder.Path);
        await ComparisonRenderer.WriteAsync(_folder.Path, Token);
        var first = Content();
        File.WriteAllText(Path.Combine(_folder.Path, "plots", "old.svg"), "");
        await ComparisonRenderer.WriteAsync(_folder.Path, Token);
        Content().ShouldBe(first);
        first.Keys.ShouldContain("plots/tool-use-tokens.svg");

        Dictionary<string, string> Content() => ComparisonRenderer.Rendered(_folder.Path).ToDictionary(f => f, f => File.ReadAllText(Path.Combine(_folder.Path, f)), StringComparer.Ordinal);
    }

    [Fact]
    public async Task Page_and_plots_are_well_formed_and_need_nothing_else()
    {
        await SyntheticComparison.WriteAsync(_folder.Path);
        var (_, files) = await ComparisonRenderer.RenderAsync(_folder.Path, Token);
        foreach (var (name, content) in files.Where(f => f.Key.EndsWith(".svg", StringComparison.Ordinal) || f.Key.EndsWith(".html", StringComparison.Ordinal)))
        {
            using var reader = XmlReader.Create(new StringReader(content), new XmlReaderSettings { DtdProcessing = DtdProcessing.Ignore });
            var document = XDocument.Load(reader);
            document.Descendants().Where(e => e.Name.LocalName is "script" or "link" or "img").ShouldBeEmpty(name);
            document.Descendants().Attributes().Where(a => a.Name.LocalName is "src" or "href").ShouldBeEmpty(name);
        }

        files["plots/pass-1-tokens.svg"].ShouldContain("class=\"band c1\"");
        files["plots/pass-1-tokens.svg"].ShouldContain(">generated tokens</text>");
        files["results.csv"].Split('\n').ShouldContain("better,1,held-out,paper,,,4,600,12,4,pass@1,0.75");
        files["results.csv"].Split('\n').ShouldContain("base,2,training,,,,4,400,8,0,recovery,");
        using var json = JsonDocument.Parse(files["results.json"]);
        json.RootElement.GetProperty("matched").GetProperty("tokens").GetInt32().ShouldBe(400);
        files["README.md"].ShouldContain("| better | T .7 | pass@1 | +0.500 | +0.500 to +0.500 | 0.0001 | 0.0006 * | 2 | 8 |\n");
    }

    [Fact]
    public async Task A_summary_is_small_and_comes_back_as_it_was()
    {
        await SyntheticComparison.WriteAsync(_folder.Path);
        var cell = (await ComparisonPlan.ReadAsync(_folder.Path, Token)).Cells[1];
        var read = (await new CellSummaries(_folder.Path).FindAsync(cell, Token)).ShouldNotBeNull();
        JsonSerializer.Serialize(read, AxpoJson.Line).ShouldBe(JsonSerializer.Serialize(SyntheticComparison.Summary(cell), AxpoJson.Line));
        (await new CellSummaries(_folder.Path).FindAsync(cell with { Hash = new string('0', 64) }, Token)).ShouldBeNull();
    }

    [Fact]
    public async Task A_damaged_summary_is_named_and_a_folder_without_a_comparison_too()
    {
        await SyntheticComparison.WriteAsync(_folder.Path);
        var file = Directory.GetFiles(Path.Combine(_folder.Path, "cells"))[0];
        await File.WriteAllTextAsync(file, "{", Token);
        (await Should.ThrowAsync<InvalidDataException>(() => ComparisonRenderer.RenderAsync(_folder.Path, Token))).Message.ShouldStartWith($"{file} is no summary of a cell");
        (await Should.ThrowAsync<FileNotFoundException>(() => ComparisonRenderer.RenderAsync(Path.Combine(_folder.Path, "none"), Token))).Message.ShouldContain("nothing of this comparison has been run");
    }

    private async Task<ComparisonResults> ResultsAsync()
    {
        await SyntheticComparison.WriteAsync(_folder.Path);
        return (await ComparisonRenderer.RenderAsync(_folder.Path, Token)).Results;
    }

    private static OverSeeds HeldOut(ComparisonResults results, Moment moment, string name, string measure, string? suite = null, int? calls = null) =>
        results.HeldOut.Single(h => h.Moment == moment && h.Name == name && h.Sampling == HeldOutSampling.T1 && h.Measure == measure && h.Suite == suite && h.Calls == calls).Figure;

    private static double? Training(ComparisonResults results, string measure) => results.Training.Single(t => t.Name == "better" && t.Measure == measure).Figure.Mean;
}
