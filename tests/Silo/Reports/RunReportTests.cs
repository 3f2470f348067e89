using System.Text.Json;
using System.Xml;
using System.Xml.Linq;
using Axpo.Core;
using Axpo.Imaging;
using Axpo.Silo.Reports;
using Axpo.Silo.Storage;
using Axpo.Silo.Tests.Sft;
using Axpo.Silo.Tests.Storage;
using Shouldly;
using Xunit;

namespace Axpo.Silo.Tests.Reports;

public sealed class RunReportTests : IDisposable
{
    private readonly TempFolder _folder = new();
    private readonly RunFolders _folders;

    public RunReportTests() => _folders = new RunFolders(_folder.Path);

    private CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_training_run_has_curves_groups_and_trajectories_with_their_forks()
    {
        var run = new SyntheticRun(_folders, ShippedModels.Folder("axpo-tiny-gap")) { Observed = "<script>alert(1)</script>" };
        await run.WriteAsync(Token);
        var path = await RunReport.WriteAsync(_folders, SyntheticRun.Name, null, (_, step, _) => new(run.Questions(step)), Token);
        path.ShouldBe(Path.Combine(_folder.Path, SyntheticRun.Name, "report.html"));
        new FileInfo(path).Length.ShouldBeLessThan(2_000_000);

        var page = await LoadAsync(path);
        page.Descendants("figure").Count().ShouldBe(19);
        page.Descendants("script").ShouldBeEmpty();
        var rows = Section(page, "groups").Descendants("tbody").Single().Elements("tr").ToArray();
        rows.Length.ShouldBe(32);
        rows[0].Elements("td").ElementAt(1).Value.ShouldBe(run.Questions(60)[0].Text);
        rows[0].Elements("td").ElementAt(2).Value.ShouldBe(run.Questions(60)[0].Answer);
        rows[0].Elements("td").ElementAt(3).Descendants("i").Count().ShouldBe(8, "a rollout that only the drop ledger names is there too");

        var forked = Section(page, "trajectories").Elements("article").First(a => a.Value.Contains("source: rollout", StringComparison.Ordinal));
        var cards = forked.Descendants("div").Where(d => Class(d).StartsWith("card ", StringComparison.Ordinal)).ToArray();
        cards.Length.ShouldBe(5);
        cards[0].Descendants("div").Count(d => Class(d).EndsWith(" masked", StringComparison.Ordinal)).ShouldBeGreaterThan(0);
        cards[1].Descendants("div").Where(d => Class(d).EndsWith(" inherited", StringComparison.Ordinal)).Select(d => d.Value).ShouldBe(["think<think>use python</think>", "call<tool_call>"]);
        cards[1].Value.ShouldContain("<script>alert(1)</script>");
    }

    [Fact]
    public async Task Images_stand_on_the_page_with_where_zooms_looked()
    {
        var model = Path.Combine(_folder.Path, "model");
        ImageFiles.WriteSeeingChat(model);
        await new SyntheticRun(_folders, model) { Shows = true, Stored = 1 }.WriteAsync(Token);
        var path = await RunReport.WriteAsync(_folders, SyntheticRun.Name, null, Token);
        new FileInfo(path).Length.ShouldBeLessThan(4_000_000);

        var page = await LoadAsync(path);
        page.Descendants("p").ShouldNotContain(p => Class(p) == "note");
        page.Descendants("script").ShouldBeEmpty();
        page.Descendants().Attributes().Where(a => a.Name.LocalName is "src" || a.Name.LocalName.StartsWith("on", StringComparison.Ordinal)).ShouldBeEmpty();
        var pictures = page.Descendants("image").ToDictionary(i => (string)i.Attribute("id")!, i => Decode((string)i.Attribute("href")!));
        pictures.Values.ShouldAllBe(p => p.Width <= 256 && p.Height <= 256);
        page.Descendants("use").Select(u => ((string)u.Attribute("href")!)[1..]).Distinct().ShouldBe(pictures.Keys, ignoreOrder: true);

        var forked = Section(page, "trajectories").Elements("article").First(a => a.Value.Contains("source: rollout", StringComparison.Ordinal));
        var asked = forked.Element("header")!;
        asked.Descendants("small").Single().Value.ShouldBe("image 0, 512 x 512");
        var canvas = pictures[Used(asked.Descendants("svg").Single())];
        (canvas.Width, canvas.Height).ShouldBe((256, 256));
        forked.Value.ShouldNotContain("<|image_pad|>");

        // The source looked at the wrong place: one zoom into the question's image, and the crop that came back.
        var card = forked.Descendants("div").First(d => Class(d).StartsWith("card source", StringComparison.Ordinal));
        var call = card.Descendants("div").Single(d => Class(d).Contains("k-call masked", StringComparison.Ordinal));
        Used(call.Descendants("svg").Single()).ShouldBe(Used(asked.Descendants("svg").Single()));
        double[] box = [.. JsonDocument.Parse(call.Value[call.Value.IndexOf("[", StringComparison.Ordinal)..(call.Value.IndexOf("]", StringComparison.Ordinal) + 1)]).RootElement.EnumerateArray().Select(v => v.GetDouble())];
        foreach (var rect in call.Descendants("rect"))
        {
            string[] names = ["x", "y", "width", "height"];
            names.Select(n => Math.Round((double)rect.Attribute(n)!, 1)).ShouldBe(new[] { box[0], box[1], box[2] - box[0], box[3] - box[1] }.Select(v => Math.Round(v * 256 / 1000, 1)));
        }

        call.Descendants("rect").Count().ShouldBe(2);
        var observation = card.Descendants("div").Single(d => Class(d).Contains("k-observation", StringComparison.Ordinal));
        observation.Descendants("pre").Single().Value.ShouldMatch(@"^image 1<\|vision_start\|>\[image 1, \d+ x \d+\]<\|vision_end\|>$");
        var crop = pictures[Used(observation.Descendants("svg").Single())];
        ((double)crop.Width / crop.Height).ShouldBe((box[2] - box[0]) / (box[3] - box[1]), .03);

        // A zoom into the crop frames the crop.
        var second = Section(page, "trajectories").Descendants("div").First(d => Class(d).StartsWith("piece k-call", StringComparison.Ordinal) && d.Value.Contains("img_idx", StringComparison.Ordinal));
        second.Descendants("small").Single().Value.ShouldBe("zooms into image 1");
        Used(second.Descendants("svg").Single()).ShouldBe(Used(second.ElementsBeforeSelf().Last(d => Class(d).Contains("k-observation", StringComparison.Ordinal)).Descendants("svg").Single()));
    }

    [Fact]
    public async Task Images_that_are_gone_are_named_and_the_page_is_made()
    {
        var model = Path.Combine(_folder.Path, "model");
        ImageFiles.WriteSeeingChat(model);
        await new SyntheticRun(_folders, model) { Shows = true, Stored = 1 }.WriteAsync(Token);
        Directory.Delete(_folders.Images(SyntheticRun.Name), recursive: true);
        var page = await LoadAsync(await RunReport.WriteAsync(_folders, SyntheticRun.Name, null, Token));
        page.Descendants("p").Single(p => Class(p) == "note").Value.ShouldContain("images of the trajectories could not be read");
        page.Descendants("image").ShouldBeEmpty();
        Section(page, "trajectories").Descendants("p").First(p => Class(p) == "shot").Value.ShouldBe("image 0, 512 x 512: not shown");
    }

    [Fact]
    public async Task Equal_files_give_equal_pages()
    {
        await new SyntheticRun(_folders, ShippedModels.Folder("axpo-tiny-gap")).WriteAsync(Token);
        var first = await File.ReadAllTextAsync(await RunReport.WriteAsync(_folders, SyntheticRun.Name, Path.Combine(_folder.Path, "a.html"), Token), Token);
        var second = await File.ReadAllTextAsync(await RunReport.WriteAsync(_folders, SyntheticRun.Name, Path.Combine(_folder.Path, "b.html"), Token), Token);
        second.ShouldBe(first);
    }

    [Fact]
    public async Task Without_the_model_folder_the_page_says_why_there_is_no_text()
    {
        var run = new SyntheticRun(_folders, ShippedModels.Folder("axpo-tiny-gap"));
        await run.WriteAsync(Token);
        var manifest = _folders.Manifest(SyntheticRun.Name);
        await File.WriteAllTextAsync(manifest, (await File.ReadAllTextAsync(manifest, Token)).Replace("axpo-tiny-gap", "moved-away", StringComparison.Ordinal), Token);
        var page = await LoadAsync(await RunReport.WriteAsync(_folders, SyntheticRun.Name, null, Token));
        page.Descendants("p").Single(p => Class(p) == "note").Value.ShouldContain("chat format");
        page.Descendants("section").ShouldNotContain(s => (string?)s.Attribute("id") == "trajectories");
        Section(page, "groups").Descendants("tr").Count().ShouldBe(33);
    }

    [Fact]
    public async Task An_unknown_run_is_named_and_nothing_is_written()
    {
        var error = await Should.ThrowAsync<KeyNotFoundException>(() => RunReport.WriteAsync(_folders, "nope", null, Token));
        error.Message.ShouldContain("there is no 'nope'");
        Directory.GetFileSystemEntries(_folder.Path).ShouldBeEmpty();
    }

    [Fact]
    public async Task A_folder_as_output_is_refused_with_a_remedy() =>
        (await Should.ThrowAsync<ArgumentException>(() => RunReport.WriteAsync(_folders, "r", _folder.Path, Token))).Message.ShouldContain("name a file");

    public void Dispose() => _folder.Dispose();

    private static string Used(XElement svg) => ((string)svg.Element("use")!.Attribute("href")!)[1..];

    private static Picture Decode(string uri)
    {
        const string Png = "data:image/png;base64,";
        uri.ShouldStartWith(Png);
        return PictureDecoder.Decode(Convert.FromBase64String(uri[Png.Length..]));
    }

    private static string Class(XElement element) => (string?)element.Attribute("class") ?? "";

    private static XElement Section(XDocument page, string id) => page.Descendants("section").Single(s => (string?)s.Attribute("id") == id);

    private static async Task<XDocument> LoadAsync(string path)
    {
        using var reader = XmlReader.Create(new StringReader(await File.ReadAllTextAsync(path)), new XmlReaderSettings { DtdProcessing = DtdProcessing.Ignore });
        return XDocument.Load(reader);
    }
}
