using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json;
using Axpo.Environments.Digits;
using Axpo.Environments.Facts;
using Axpo.Environments.Suites.Pictures;
using Axpo.Environments.Tools.Images;
using Axpo.Environments.Tools.Search;
using Axpo.Imaging;

namespace Axpo.Environments.Tests.Suites.Pictures;

public sealed class DigitSuiteTests
{
    public static TheoryData<string, int, int> Horizons => new()
    {
        { "find-digit", 1, 1 },
        { "find-digit", 2, 2 },
        { "find-digit", 3, 3 },
        { "compare-digits", 2, 4 },
        { "sum-digits", 2, 12 },
        { "picture-fact", 3, 4 },
    };

    [Theory, MemberData(nameof(Horizons))]
    public void Splits_share_no_image_of_a_digit(string name, int min, int max)
    {
        foreach (var split in Enum.GetValues<Split>())
        {
            var drawn = Draw(name, min, max, split, 40).SelectMany(Digits).ToArray();
            drawn.ShouldAllBe(d => HandwrittenDigits.SplitOf(d.Index) == split);
            drawn.Select(d => d.Digit).Distinct().Count().ShouldBeGreaterThan(8);
        }
    }

    [Theory, MemberData(nameof(Horizons))]
    public void Ink_lies_in_its_box_boxes_on_the_canvas_and_digits_apart(string name, int min, int max)
    {
        foreach (var question in Draw(name, min, max, Split.Train, 60))
        {
            var metadata = JsonDocument.Parse(question.MetadataJson).RootElement;
            var canvas = new ZoomBox(0, 0, metadata.GetProperty("width").GetInt32(), metadata.GetProperty("height").GetInt32());
            var boxes = Digits(question).Select(d => d.Box).ToArray();
            Digits(question).ShouldAllBe(d => Contains(canvas, d.Box) && Contains(d.Box, d.Ink));
            boxes.ShouldAllBe(b => boxes.Count(o => b.X < o.X + o.Width && o.X < b.X + b.Width && b.Y < o.Y + o.Height && o.Y < b.Y + b.Height) == 1);
            var around = metadata.GetProperty("marks").EnumerateArray().Select(Box).Prepend(canvas).Append(boxes[0]).ToArray();
            around.Zip(around.Skip(1)).ShouldAllBe(p => Contains(p.First, p.Second));
        }
    }

    [Theory, MemberData(nameof(Horizons))]
    public void The_file_shows_what_the_metadata_says(string name, int min, int max)
    {
        foreach (var question in Draw(name, min, max, Split.Test, 2))
        {
            var picture = PictureDecoder.Decode(Suite(name, min, max).Render(question.Images[0][$"suite:{name}/".Length..]).Span);
            var metadata = JsonDocument.Parse(question.MetadataJson).RootElement;
            (picture.Width, picture.Height).ShouldBe((metadata.GetProperty("width").GetInt32(), metadata.GetProperty("height").GetInt32()));
            foreach (var digit in Digits(question))
            {
                var crop = picture.Crop(digit.Ink.X, digit.Ink.Y, digit.Ink.Width, digit.Ink.Height).Rgb.ToArray();
                (crop.Max() - crop.Min()).ShouldBeGreaterThan(60, question.Id);
                HandwrittenDigits.Ink(digit.Digit, digit.Index).Length.ShouldBe(784);
            }
        }
    }

    [Theory, MemberData(nameof(Horizons))]
    public void Answers_are_those_of_the_digits(string name, int min, int max)
    {
        foreach (var question in Draw(name, min, max, Split.Validation, 60))
        {
            var digits = Digits(question).Select(d => d.Digit).ToArray();
            question.Horizon.ShouldBeInRange(min, max);
            switch (name)
            {
                case "find-digit":
                    question.Answer.ShouldBe($"{digits.ShouldHaveSingleItem()}");
                    break;
                case "picture-fact":
                    var (number, isElement) = (int.Parse(string.Concat(Digits(question).OrderBy(d => d.Box.X).Select(d => d.Digit)), CultureInfo.InvariantCulture), question.Text.Contains("element", StringComparison.Ordinal));
                    digits.Length.ShouldBe(question.Horizon - 1);
                    question.Answer.ShouldBe(isElement ? FactTables.Elements.Single(e => e.Number == number).Name : FactTables.Countries.Single(c => c.CallingCode == number).Name);
                    EntitySplit.Of(question.Answer).ShouldBe(Split.Validation);
                    break;
                case "sum-digits":
                    (digits.Length, question.Answer).ShouldBe((question.Horizon, $"{digits.Sum()}"));
                    break;
                default:
                    (digits.Length, digits.Distinct().Count(), question.Choices.Length).ShouldBe((question.Horizon, digits.Length, digits.Length));
                    var boxes = Digits(question).Select(d => d.Box).ToArray();
                    var right = boxes[Array.IndexOf(digits, digits.Max())];
                    right.ShouldBe(question.Answer switch
                    {
                        "left" => boxes.MinBy(b => b.X),
                        "right" => boxes.MaxBy(b => b.X),
                        "top" => boxes.MinBy(b => b.Y),
                        "bottom" => boxes.MaxBy(b => b.Y),
                        var ordinal => boxes.OrderBy(b => b.X).ElementAt(Array.IndexOf(["first", "second", "third", "fourth"], ordinal)),
                    });
                    break;
            }
        }
    }

    [Fact]
    public void With_nothing_to_zoom_into_the_digit_fills_its_picture_and_stands_alone()
    {
        foreach (var question in Draw("find-digit", 0, 0, Split.Test, 40))
        {
            var metadata = JsonDocument.Parse(question.MetadataJson).RootElement;
            var (side, digit) = (metadata.GetProperty("width").GetInt32(), Digits(question).ShouldHaveSingleItem());
            (side, metadata.GetProperty("distractors").EnumerateObject().Count(), question.Horizon).ShouldBe((metadata.GetProperty("height").GetInt32(), 0, 0));
            ((double)digit.Box.Width / side).ShouldBeInRange(.68, .96);
            (question.Answer, HandwrittenDigits.SplitOf(digit.Index)).ShouldBe(($"{digit.Digit}", Split.Test));
        }
    }

    [Fact]
    public void Every_place_of_a_comparison_is_right_about_equally_often()
    {
        var answers = Draw("compare-digits", 2, 2, Split.Train, 800).GroupBy(q => q.Answer).ToDictionary(g => g.Key, g => g.Count());
        answers.Keys.Order().ShouldBe(["bottom", "left", "right", "top"]);
        answers.Values.ShouldAllBe(n => n > 150);
    }

    [Theory, MemberData(nameof(Horizons))]
    public async Task The_teacher_zooms_as_the_tool_does_and_sees_all_the_ink(string name, int min, int max)
    {
        var (store, suite) = (new MemoryImageStore(), Suite(name, min, max));
        await using var session = await new ZoomTool(store).OpenAsync(new ToolSessionContext("test", Shipped.Key(1)), TestContext.Current.CancellationToken);
        foreach (var (question, n) in Draw(name, min, max, Split.Train, max == 1 ? 40 : min == max ? 2 : 12).Select((q, n) => (q, n)))
        {
            var trace = ((ITeacher)suite).Demonstrate(question, useTool: true, Shipped.Key((ulong)n));

            var images = new List<ImageRef> { await store.PutAsync("test", suite.Render(question.Images[0][$"suite:{name}/".Length..]), TestContext.Current.CancellationToken) };
            var origins = new List<(int X, int Y)> { (0, 0) };
            var zooms = trace.Steps.Where(s => s.Tool == "image_zoom_in").ToArray();
            var targets = JsonDocument.Parse(question.MetadataJson).RootElement.GetProperty("marks").EnumerateArray().Select(Box).Concat(Digits(question).Select(d => d.Ink)).ToArray();
            trace.Steps.Count.ShouldBe(question.Horizon);
            zooms.Length.ShouldBe(targets.Length);
            foreach (var (step, target) in zooms.Zip(targets))
            {
                step.Think.ShouldBe(images.Count == 1 ? "use image_zoom_in" : "then image_zoom_in");
                var arguments = JsonDocument.Parse(step.ArgumentsJson).RootElement;
                var numbers = arguments.GetProperty("bbox_2d").EnumerateArray().Select(v => v.GetDouble()).ToArray();
                numbers.ShouldAllBe(v => v % 50 == 0 && v >= 0 && v <= 1000);
                var from = arguments.TryGetProperty("img_idx", out var index) ? index.GetInt32() : 0;
                (from > 0).ShouldBe(arguments.EnumerateObject().Count() == 2);
                ZoomBox.Of(numbers, images[from].Width, images[from].Height, out var box).ShouldBeNull();
                box = box with { X = box.X + origins[from].X, Y = box.Y + origins[from].Y };
                Contains(box, target).ShouldBeTrue($"{question.Id}: {box} {target}");

                var result = await session.InvokeAsync(new ToolInvocation(step.ArgumentsJson) { Run = "test", Images = images }, TestContext.Current.CancellationToken);
                (result.Text, result.IsError).ShouldBe((step.Observation, false));
                store[result.Images.ShouldHaveSingleItem()].Span.SequenceEqual(step.Images.ShouldHaveSingleItem().Span).ShouldBeTrue("the same bytes");
                images.Add(result.Images[0]);
                origins.Add((box.X, box.Y));
            }

            var read = string.Join(' ', Digits(question).Select(d => d.Digit));
            (trace.Answer, trace.FinalThink).ShouldBe((question.Answer, Digits(question).Count() == 1 || zooms.Length < trace.Steps.Count ? null : read), "several digits are said before they are used");
        }
    }

    [Fact]
    public async Task What_was_read_is_looked_up_as_the_search_answers()
    {
        using var search = new WebSearchTool(FactIndex.Shared, new WebSearchOptions());
        await using var session = await search.OpenAsync(new ToolSessionContext("test", Shipped.Key(1)), TestContext.Current.CancellationToken);
        foreach (var question in Enum.GetValues<Split>().SelectMany(s => Draw("picture-fact", 3, 4, s, 30)))
        {
            var trace = new PictureFactSuite(3, 4).Demonstrate(question, useTool: true, Shipped.Key(1));
            var step = trace.Steps[^1];
            (step.Tool, step.Think, step.Images.Count).ShouldBe(("web_search", $"{string.Join(' ', Digits(question).Select(d => d.Digit))} then search", 0));
            JsonDocument.Parse(step.ArgumentsJson).RootElement.GetProperty("query").GetString()!.Split(' ')[^1].ShouldBe(string.Concat(Digits(question).Select(d => d.Digit)));
            (await session.InvokeAsync(new ToolInvocation(step.ArgumentsJson), TestContext.Current.CancellationToken)).ShouldBe(new ToolResult(step.Observation));
            step.Observation.Split("; ")[0].ShouldBe(question.Answer);
        }
    }

    [Fact]
    public void Without_the_tool_the_teacher_says_what_it_sees()
    {
        var question = Draw("find-digit", 1, 1, Split.Train, 1)[0];
        var trace = new FindDigitSuite().Demonstrate(question, useTool: false, Shipped.Key(1));
        (trace.Steps.Count, trace.FinalThink, trace.Answer).ShouldBe((0, "I see it", question.Answer));
        Should.Throw<InvalidOperationException>(() => new FindDigitSuite().Demonstrate(question with { Answer = "x" }, useTool: true, Shipped.Key(1)));
        Should.Throw<ArgumentException>(() => new FindDigitSuite().Demonstrate(question with { Images = [] }, useTool: true, Shipped.Key(1)));
    }

    /// <summary>Pixels, not files: how zlib packs them may change with its version.</summary>
    [Theory]
    [InlineData("find-digit", "1-train-1-00000000000000aa", "c51d94b15b9496de1edde004a034504aa0e0a070cd009804b90d57e64e6c1d61")]
    [InlineData("find-digit", "1-test-2-00000000000000ab", "bdba2a4dd1d3e74923e665393016006750f495a8a0decdb4f095969b09fe862c")]
    [InlineData("compare-digits", "1-train-3-00000000000000ac", "efe844a377436436a88c402117e7a385f53fc2e2384d0d2f4f913493f6dfee20")]
    [InlineData("sum-digits", "1-validation-12-00000000000000ad", "d3978b297045311e711690f567f925242db85c82efe1b61e24b483c33ae885b9")]
    public void A_drawing_has_the_same_pixels_for_ever(string name, string drawing, string sha256) =>
        Convert.ToHexStringLower(SHA256.HashData(PictureDecoder.Decode(Suite(name, 2, 2).Render(drawing).Span).Rgb)).ShouldBe(sha256);

    [Theory]
    [InlineData("find-digit", 2, 4, "find-digit has zooms one inside the other, 0 to 3; give")]
    [InlineData("compare-digits", 1, 2, "compare-digits has one zoom a digit, 2 to 4; give")]
    [InlineData("picture-fact", 2, 3, "picture-fact has one zoom a digit and a search, 3 to 4; give")]
    [InlineData("sum-digits", 5, 4, "sum-digits has one zoom a digit, 2 to 12; give")]
    public void A_horizon_out_of_range_is_refused(string name, int min, int max, string message) =>
        Should.Throw<ArgumentException>(() => Suite(name, min, max)).Message.ShouldStartWith($"tasks.horizonMin {min}, tasks.horizonMax {max}: {message}");

    private static DigitSuite Suite(string name, int min, int max) => name switch
    {
        "find-digit" => new FindDigitSuite(min, max),
        "compare-digits" => new CompareDigitsSuite(min, max),
        "picture-fact" => new PictureFactSuite(min, max),
        _ => new SumDigitsSuite(min, max),
    };

    private static IReadOnlyList<Question> Draw(string name, int min, int max, Split split, int count) => Suite(name, min, max).Draw(split, Shipped.Key(11), count);

    private static IEnumerable<(int Digit, int Index, ZoomBox Box, ZoomBox Ink)> Digits(Question question) =>
        JsonDocument.Parse(question.MetadataJson).RootElement.GetProperty("digits").EnumerateArray()
            .Select(d => (d.GetProperty("digit").GetInt32(), d.GetProperty("mnist_index").GetInt32(), Box(d.GetProperty("box")), Box(d.GetProperty("ink_box"))));

    private static ZoomBox Box(JsonElement box) => new(box[0].GetInt32(), box[1].GetInt32(), box[2].GetInt32(), box[3].GetInt32());

    private static bool Contains(ZoomBox outer, ZoomBox inner) =>
        outer.X <= inner.X && outer.Y <= inner.Y && outer.X + outer.Width >= inner.X + inner.Width && outer.Y + outer.Height >= inner.Y + inner.Height;
}
