using System.Xml;
using System.Xml.Linq;
using Axpo.Core;
using Axpo.Grains.Abstractions;
using Axpo.Silo.Reports;
using Axpo.Silo.Runs;
using Axpo.Silo.Tests.Storage;
using Shouldly;
using Xunit;

namespace Axpo.Silo.Tests.Reports;

public sealed class ReportPageTests
{
    private static readonly RunManifest Manifest = new()
    {
        Name = "r",
        Kind = RunKind.Train,
        Created = DateTimeOffset.UnixEpoch,
        ModelSha256 = "abc",
        Configuration = new RunConfiguration { Model = "/home/someone/models/tiny" },
    };

    [Fact]
    public void A_missing_value_is_a_gap_in_the_curve_and_never_0()
    {
        double?[] recovery = [.5, .25, null, .75, 1];
        var page = Parse(Input([.. recovery.Select((r, i) => Step(i + 1) with { Train = Train() with { Recovery = r } })]));
        var figure = Figure(page, "Recovery");
        var path = figure.Descendants("path").Single(p => (string?)p.Attribute("class") == "line bold c3").Attribute("d")!.Value;
        path.Count(c => c == 'M').ShouldBe(2);
        path.Count(c => c == 'L').ShouldBe(2);
        var hits = figure.Descendants("g").Where(g => (string?)g.Attribute("class") == "hit").Select(g => g.Value).ToArray();
        hits.ShouldBe(["step 150.0%", "step 225.0%", "step 3", "step 475.0%", "step 5100.0%"]);
    }

    [Fact]
    public void A_value_alone_between_gaps_is_a_dot()
    {
        var page = Parse(Input([.. Enumerable.Range(1, 40).Select(i => Step(i) with { Train = Train() with { Recovery = i == 20 ? null : i == 21 ? .5 : i == 22 ? null : .4 } })]));
        Figure(page, "Recovery").Descendants("circle").Count(c => (string?)c.Attribute("class") == "bold c3").ShouldBe(1);
    }

    [Fact]
    public void A_measure_that_no_step_has_is_left_out()
    {
        var page = Parse(Input([Step(1), Step(2)]));
        Titles(page).ShouldContain("Tool use");
        Titles(page).ShouldNotContain("Recovery");
        Titles(page).ShouldNotContain("Held-out accuracy");
    }

    [Fact]
    public void Lines_of_held_out_accuracy_compare_the_questions_that_every_evaluation_asked()
    {
        double[] all = [1, 1, 0, 0, 0, 0, 0, 0];
        var page = Parse(Input([Step(0) with { Eval = Evaluation(all) }, Step(1) with { Eval = Evaluation(all[..2]) }, Step(2) with { Eval = Evaluation(all) }]));
        var legend = Figure(page, "Held-out accuracy").Descendants("li").Select(l => l.Value).ToArray();
        legend.ShouldBe(["Pass@1 100.0%", "Pass@4 100.0%", "Pass@1 of 8 25.0%", "Pass@4 of 8 25.0%"]);
    }

    [Fact]
    public void The_gain_stands_on_the_page_with_its_interval_and_what_is_not_known_does_not()
    {
        double[] before = [.. Enumerable.Repeat(.25, 40)];
        double[] after = [.. Enumerable.Repeat(.5, 40)];
        var page = Parse(Input([Step(0) with { Eval = Evaluation(before) }, Step(1) with { Eval = Evaluation(after) }]));
        var tiles = Section(page, "summary").Value;
        tiles.ShouldContain("25.0% → 50.0%");
        tiles.ShouldContain("gain +25.0 points, 95% interval +25.0 to +25.0 (paired bootstrap over 40 questions × 4)");
        tiles.ShouldNotContain("Recovery");
        tiles.ShouldNotContain("Tool use");
    }

    [Fact]
    public void Hostile_text_stays_text_wherever_it_stands()
    {
        const string Hostile = "</pre><script>alert('\"&1')</script>\0\u001b[31m\uD800";
        var rollout = new ReportRollout
        {
            Index = 0,
            Outcome = Outcome.Correct,
            IsToolUsing = true,
            Answer = Hostile,
            Advantage = 1.5,
            Images = [new ImageRef(Hostile, Hostile, 1, 1)],
            Pieces = [new ReportPiece(SegmentKind.Observation, PieceRole.Own, Hostile) { Images = [0] }, new ReportPiece(SegmentKind.Template, PieceRole.Own, Hostile)],
        };
        var group = new ReportGroup
        {
            Phase = Phase.Train,
            Step = 1,
            Question = 0,
            Suite = Hostile,
            Text = Hostile,
            Truth = Hostile,
            Images = rollout.Images,
            Rollouts = [rollout],
        };
        var input = Input([Step(1)]) with
        {
            Groups = [group],
            Samples = [group],
            Notes = [Hostile],
            Drops = [new DropRecord(new EpisodeId("r", Phase.Train, 1, 0, 0), VoidCause.ToolUnavailable, Hostile, 3)],
        };
        var page = Parse(input);
        page.Descendants("script").ShouldBeEmpty();
        var observation = page.Descendants("pre").Single(p => ((string?)p.Parent!.Attribute("class") ?? "").Contains("observation", StringComparison.Ordinal));
        observation.Value.ShouldBe("</pre><script>alert('\"&1')</script>\u2400\u241b[31m\uFFFD");
        ReportPage.Render(input).ShouldNotContain("<script", Case.Insensitive);
    }

    [Fact]
    public void A_picture_stands_on_the_page_once_and_one_of_few_pixels_is_drawn_larger()
    {
        ImageRef wide = new("r/images/a.png", "a", 3000, 1500), crop = new("r/images/b.png", "b", 24, 12), lost = new("r/images/c.png", "c", 9, 9);
        var rollout = new ReportRollout
        {
            Index = 0,
            Outcome = Outcome.Correct,
            Images = [wide, crop, lost],
            Pieces =
            [
                new ReportPiece(SegmentKind.ToolCall, PieceRole.Own, "call") { Zoom = new ZoomFrame(0, 250, 0, 500, 1000) },
                new ReportPiece(SegmentKind.ToolCall, PieceRole.Own, "call") { Zoom = new ZoomFrame(2, 0, 0, 9, 9) },
                new ReportPiece(SegmentKind.Template, PieceRole.Own, "images") { Images = [1, 2] },
            ],
        };
        var group = new ReportGroup { Phase = Phase.Train, Step = 1, Question = 0, Suite = "s", Images = [wide], Rollouts = [rollout] };
        var page = Section(
            Parse(Input([Step(1)]) with
            {
                Samples = [group],
                Pictures = new Dictionary<string, ReportPicture>(StringComparer.Ordinal)
                {
                    ["b"] = ReportPicture.Of(ImageFiles.Png(24, 12, 5)),
                    ["a"] = ReportPicture.Of(ImageFiles.Png(3000, 1500, 6)),
                },
            }),
            "trajectories");
        page.Descendants("image").Select(i => (string?)i.Attribute("id")).ShouldBe(["picture-0", "picture-1"]);
        var shots = page.Descendants("svg").Where(s => (string?)s.Attribute("role") == "img").ToArray();
        shots.Select(s => (string?)s.Element("use")!.Attribute("href")).ShouldBe(["#picture-0", "#picture-0", "#picture-1"]);
        shots.Select(s => ((string?)s.Attribute("width"), (string?)s.Attribute("viewBox"))).ShouldBe([("256", "0 0 256 128"), ("256", "0 0 256 128"), ("96", "0 0 24 12")]);
        shots.Select(s => (string?)s.Attribute("aria-label")).ShouldBe(["image 0, 3000 x 1500", "zooms into image 0", "image 1, 24 x 12"]);
        shots[1].Elements("rect").ShouldAllBe(r => (string?)r.Attribute("x") == "64" && (string?)r.Attribute("y") == "0" && (string?)r.Attribute("width") == "64" && (string?)r.Attribute("height") == "128");
        shots.SelectMany(s => s.Elements("rect")).Count().ShouldBe(2);
        page.Descendants("p").Where(p => (string?)p.Attribute("class") == "shot").Select(p => p.Value).ShouldBe(["image 2, 9 x 9: not shown"]);
    }

    [Fact]
    public void The_page_needs_nothing_from_elsewhere_and_names_no_folder_of_this_machine()
    {
        var html = ReportPage.Render(Input([Step(1)]) with
        {
            Drops = [new DropRecord(new EpisodeId("r", Phase.Train, 1, 0, 0), VoidCause.ToolUnavailable, "python: /home/someone/bin/python3 did not start", 3)],
        });
        html.ShouldNotContain("/home/someone");
        html.ShouldContain("python: python3 did not start");
        html.ShouldNotContain("://");
        html.ShouldNotContain("url(");
        var page = Parse(html);
        page.Descendants().Attributes().Where(a => a.Name.LocalName is "src" or "href" || a.Name.LocalName.StartsWith("on", StringComparison.Ordinal)).ShouldBeEmpty();
        page.Descendants("link").ShouldBeEmpty();
    }

    [Fact]
    public void Thousands_of_steps_stay_a_small_page()
    {
        var input = Input([.. Enumerable.Range(1, 5000).Select(i => Step(i) with { Timing = new TimingMetrics { Rollout = 1, Update = 2, Step = 3, TokensPerSecond = i } })]);
        ReportPage.Render(input).Length.ShouldBeLessThan(2_000_000);
        Figure(Parse(input), "Throughput").Element("figcaption")!.Value.ShouldContain("Each point is the mean of 17 steps.");
    }

    [Fact]
    public void A_run_without_training_rows_has_a_page_with_what_there_is()
    {
        var evaluated = Parse(Input([new MetricsRow { Step = 0, Eval = Evaluation([1, 0]), EvalT1 = Evaluation([1, 0]) }]) with { Manifest = Manifest with { Kind = RunKind.Evaluate } });
        Section(evaluated, "summary").Value.ShouldContain("Held-out Pass@150.0%");
        Section(evaluated, "evaluation").Descendants("th").Select(t => t.Value).ShouldContain("T 1, step 0");
        Titles(evaluated).ShouldNotContain("Tool use");

        var nothing = Parse(Input([]) with { Manifest = Manifest with { Kind = RunKind.Rollout } });
        nothing.Descendants("h1").Single().Value.ShouldBe("r");
        nothing.Descendants("figure").ShouldBeEmpty();
    }

    private static ReportInput Input(IReadOnlyList<MetricsRow> rows) => new() { Manifest = Manifest, Rows = rows };

    private static MetricsRow Step(int step) => new() { Step = step, Train = step == 0 ? null : Train() };

    private static RolloutMetrics Train() => new() { Questions = 2, Rollouts = 8, ToolUse = .25 };

    private static EvaluationMetrics Evaluation(double[] perQuestion) => new()
    {
        Questions = perQuestion.Length,
        Samples = 4,
        Pass1 = perQuestion.Average(),
        PassK = perQuestion.Average(q => q > 0 ? 1 : 0),
        PerQuestion = perQuestion,
    };

    private static XElement Figure(XDocument page, string title) => page.Descendants("figure").Single(f => f.Descendants("h3").Single().Value == title);

    private static XElement Section(XDocument page, string id) => page.Descendants("section").Single(s => (string?)s.Attribute("id") == id);

    private static IEnumerable<string> Titles(XDocument page) => page.Descendants("figure").SelectMany(f => f.Descendants("h3")).Select(h => h.Value);

    private static XDocument Parse(ReportInput input) => Parse(ReportPage.Render(input));

    private static XDocument Parse(string html)
    {
        using var reader = XmlReader.Create(new StringReader(html), new XmlReaderSettings { DtdProcessing = DtdProcessing.Ignore });
        return XDocument.Load(reader);
    }
}
