using System.Security.Cryptography;
using System.Text.Json;
using Axpo.Environments.Digits;
using Axpo.Environments.Questions;
using Axpo.Environments.Suites.Pictures;
using Axpo.Environments.Tools.Images;
using Axpo.Imaging;

namespace Axpo.Environments.Tests.Suites;

/// <summary>The perception suites: what their pictures show, that splits are disjoint, and that the teacher shows what the tool gives.</summary>
public sealed class DigitSuiteTests
{
    private static readonly (string Name, int Min, int Max)[] _suites = [("find-digit", 1, 1), ("find-digit", 2, 2), ("compare-digits", 2, 4), ("sum-digits", 2, 12)];

    public static TheoryData<string, int, int> Suites
    {
        get
        {
            var data = new TheoryData<string, int, int>();
            foreach (var (name, min, max) in _suites)
            {
                data.Add(name, min, max);
            }

            return data;
        }
    }

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [MemberData(nameof(Suites))]
    public void Splits_have_digits_and_wordings_of_their_own(string name, int min, int max)
    {
        var (digits, texts) = (new Dictionary<Split, HashSet<(int, int)>>(), new Dictionary<Split, HashSet<string>>());
        foreach (var split in Enum.GetValues<Split>())
        {
            var questions = Suite(name, min, max).Draw(split, Shipped.Key(1), 300);
            questions.Select(q => q.Images.Single()).ShouldBeUnique();
            texts[split] = [.. questions.Select(q => q.Text)];
            digits[split] = [.. questions.SelectMany(Digits).Select(d => (d.GetProperty("digit").GetInt32(), d.GetProperty("mnist_index").GetInt32()))];
            digits[split].ShouldAllBe(d => HandwrittenDigits.SplitOf(d.Item2) == split);
        }

        texts[Split.Train].Overlaps(texts[Split.Test]).ShouldBeFalse();
        texts[Split.Train].Overlaps(texts[Split.Validation]).ShouldBeFalse();
        digits[Split.Train].Overlaps(digits[Split.Test]).ShouldBeFalse();
        texts[Split.Test].SelectMany(t => t.Split(' ', '?')).Distinct().Except(texts[Split.Train].SelectMany(t => t.Split(' ', '?'))).ShouldBeEmpty();
    }

    [Theory]
    [MemberData(nameof(Suites))]
    public async Task What_the_metadata_says_is_on_the_picture(string name, int min, int max)
    {
        var suite = Suite(name, min, max);
        var images = new QuestionImages([(ITaskSuite)suite]);
        foreach (var question in suite.Draw(Split.Train, Shipped.Key(2), min == 2 && name == "find-digit" ? 3 : 12))
        {
            var picture = PictureDecoder.Decode((await images.ReadAsync(question.Images[0], Token)).Span);
            var json = JsonDocument.Parse(question.MetadataJson).RootElement;
            (picture.Width, picture.Height).ShouldBe((json.GetProperty("width").GetInt32(), json.GetProperty("height").GetInt32()));
            var boxes = Digits(question).Select(d => Numbers(d, "box")).ToArray();
            foreach (var (box, ink) in boxes.Zip(Digits(question).Select(d => Numbers(d, "ink_box"))))
            {
                // Ink stands in its box, touches its edges, and the box's rim outside of it is ground.
                (ink[0] >= box[0] && ink[1] >= box[1] && ink[0] + ink[2] <= box[0] + box[2] && ink[1] + ink[3] <= box[1] + box[3]).ShouldBeTrue();
                var ground = picture.Row(box[1])[box[0] * 3];
                Differs(picture, ink, ground).ShouldBeTrue();
                Differs(picture, [ink[0], ink[1], ink[2], 1], ground).ShouldBeTrue();
                Differs(picture, [ink[0], ink[1], 1, ink[3]], ground).ShouldBeTrue();
                Differs(picture, [box[0], box[1], box[2], ink[1] - box[1]], ground).ShouldBeFalse();
                Differs(picture, [box[0], box[1], ink[0] - box[0], box[3]], ground).ShouldBeFalse();
            }

            boxes.SelectMany((a, i) => boxes[..i].Select(b => (a, b))).ShouldAllBe(p => p.a[0] + p.a[2] <= p.b[0] || p.b[0] + p.b[2] <= p.a[0] || p.a[1] + p.a[3] <= p.b[1] || p.b[1] + p.b[3] <= p.a[1]);
            boxes.Length.ShouldBe(name == "find-digit" ? 1 : question.Horizon);
        }
    }

    [Theory]
    [MemberData(nameof(Suites))]
    public async Task Answers_follow_from_the_digits_and_are_judged_right(string name, int min, int max)
    {
        foreach (var question in Suite(name, min, max).Draw(Split.Test, Shipped.Key(3), 60))
        {
            var digits = Digits(question).Select(d => d.GetProperty("digit").GetInt32()).ToArray();
            var want = name switch
            {
                "find-digit" => $"{digits[0]}",
                "sum-digits" => $"{digits.Sum()}",
                _ => question.Choices[Array.IndexOf(digits, digits.Max())],
            };
            question.Answer.ShouldBe(want);
            IVerifier verifier = question.Verifier switch { "exact" => new Axpo.Environments.Verifiers.ExactVerifier(), "numeric" => new Axpo.Environments.Verifiers.NumericVerifier(), _ => new Axpo.Environments.Verifiers.ChoiceVerifier() };
            (await verifier.VerifyAsync(question, want, Token)).ShouldBe(Verdict.Correct);
            question.Choices.ShouldAllBe(c => question.Text.Contains(c, StringComparison.Ordinal));
        }
    }

    [Theory]
    [MemberData(nameof(Suites))]
    public async Task The_teacher_zooms_in_on_the_ink_and_shows_what_the_real_tool_gives(string name, int min, int max)
    {
        var suite = Suite(name, min, max);
        var (source, store) = (new QuestionImages([(ITaskSuite)suite]), new MemoryImageStore());
        await using var session = await new ZoomTool(store).OpenAsync(new ToolSessionContext("test", Shipped.Key(1)), Token);
        foreach (var question in suite.Draw(Split.Validation, Shipped.Key(4), min == 2 && name == "find-digit" ? 3 : 10))
        {
            List<ImageRef> seen = [await store.PutAsync("r", await source.ReadAsync(question.Images[0], Token), Token)];
            var trace = ((ITeacher)suite).Demonstrate(question, useTool: true, Shipped.Key(5));
            trace.Steps.Count.ShouldBe(question.Horizon);
            foreach (var step in trace.Steps)
            {
                var result = await session.InvokeAsync(new ToolInvocation(step.ArgumentsJson) { Run = "r", Images = seen }, Token);
                (result.Text, result.IsError).ShouldBe((step.Observation, false));
                store[result.Images.ShouldHaveSingleItem()].Span.SequenceEqual(step.Images.ShouldHaveSingleItem().Span).ShouldBeTrue();
                Numbers(JsonDocument.Parse(step.ArgumentsJson).RootElement, "bbox_2d").ShouldAllBe(n => n % 50 == 0 && n >= 0 && n <= 1000);
                seen.Add(result.Images[0]);
            }

            if (name != "find-digit")
            {
                var (width, height) = (seen[0].Width, seen[0].Height);
                foreach (var (step, digit) in trace.Steps.Zip(Digits(question)))
                {
                    var (box, ink) = (Numbers(JsonDocument.Parse(step.ArgumentsJson).RootElement, "bbox_2d"), Numbers(digit, "ink_box"));
                    (box[0] * width <= ink[0] * 1000 && (ink[0] + ink[2]) * 1000 <= box[2] * width && box[1] * height <= ink[1] * 1000 && (ink[1] + ink[3]) * 1000 <= box[3] * height).ShouldBeTrue();
                }
            }

            (trace.Answer, trace.FinalThink).ShouldBe((question.Answer, null));
            var own = ((ITeacher)suite).Demonstrate(question, useTool: false, Shipped.Key(5));
            (own.Steps.Count, own.Answer).ShouldBe((0, question.Answer));
        }
    }

    [Theory]
    [InlineData("find-digit", 1, "c8")]
    [InlineData("compare-digits", 3, "c8")]
    [InlineData("sum-digits", 5, "c8")]
    public void A_drawing_is_the_same_on_every_machine(string name, int horizon, string hash)
    {
        var suite = (IImageSuite)Suite(name, horizon, horizon);
        var question = suite.Draw(Split.Train, Shipped.Key(6), 1)[0];
        var drawing = question.Images[0][$"suite:{name}/".Length..];
        suite.Render(drawing).Span.SequenceEqual(((IImageSuite)Suite(name, horizon, horizon)).Render(drawing).Span).ShouldBeTrue();
        // The pixels, not the file: how well a PNG is packed may change with the library.
        Convert.ToHexStringLower(SHA256.HashData(PictureDecoder.Decode(suite.Render(drawing).Span).Rgb))[..16].ShouldBe(hash);
    }

    [Theory]
    [InlineData("find-digit", "v1-train-9-00")]
    [InlineData("find-digit", "nonsense")]
    [InlineData("sum-digits", "")]
    public async Task A_drawing_that_no_suite_has_is_refused(string name, string drawing)
    {
        var images = new QuestionImages([(ITaskSuite)Suite(name, name == "find-digit" ? 1 : 2, 2)]);
        await Should.ThrowAsync<InvalidDataException>(async () => await images.ReadAsync($"suite:{name}/{drawing}", Token));
        (await Should.ThrowAsync<InvalidDataException>(async () => await images.ReadAsync("suite:other/x", Token))).Message.ShouldContain(name);
        (await Should.ThrowAsync<InvalidDataException>(async () => await images.ReadAsync("/no/such/file.png", Token))).Message.ShouldContain("/no/such/file.png");
    }

    private static DigitSuite Suite(string name, int min, int max) => name switch
    {
        "find-digit" => new FindDigitSuite(min, max),
        "compare-digits" => new CompareDigitsSuite(min, max),
        _ => new SumDigitsSuite(min, max),
    };

    private static JsonElement[] Digits(Question question) => [.. JsonDocument.Parse(question.MetadataJson).RootElement.GetProperty("digits").EnumerateArray()];

    private static int[] Numbers(JsonElement json, string name) => [.. json.GetProperty(name).EnumerateArray().Select(n => n.GetInt32())];

    /// <summary>Whether a part of a picture has a pixel of another grey.</summary>
    private static bool Differs(Picture picture, int[] box, byte ground)
    {
        for (var y = box[1]; y < box[1] + box[3]; y++)
        {
            if (picture.Row(y).Slice(box[0] * 3, box[2] * 3).ContainsAnyExcept(ground))
            {
                return true;
            }
        }

        return false;
    }
}
