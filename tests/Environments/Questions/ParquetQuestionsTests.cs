using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Axpo.Environments.Questions;
using Parquet;

namespace Axpo.Environments.Tests.Questions;

public sealed class ParquetQuestionsTests : IDisposable
{
    private static readonly string[] _verifiers = ["exact", "numeric", "choice"];
    private static readonly string[] _texts = ["id", "question", "answer", "category", "suite", "verifier"];
    private readonly TempFolder _temp = new();

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    private string Parquet => _temp.File("q.parquet");

    public static TheoryData<string> SharedCases =>
        [.. Directory.EnumerateFiles(Fixtures.Questions("bad", "cases"), "*.jsonl").Where(f => Rows(f) is not null).Select(f => Path.GetFileName(f)).Order(StringComparer.Ordinal)];

    public void Dispose() => _temp.Dispose();

    [Fact]
    public void Most_cases_can_be_written_as_rows() => SharedCases.Count.ShouldBeGreaterThan(35);

    [Theory]
    [MemberData(nameof(SharedCases))]
    public async Task A_row_is_judged_as_the_line_with_the_same_fields(string name)
    {
        var folder = Fixtures.Questions("bad", "cases");
        Directory.CreateDirectory(_temp.File("cases/images"));
        File.Copy(Fixtures.Questions("bad", "escape_target.png"), _temp.File("escape_target.png"));
        foreach (var image in Directory.EnumerateFiles(Path.Combine(folder, "images")))
        {
            File.Copy(image, _temp.File($"cases/images/{Path.GetFileName(image)}"));
        }

        File.Copy(Path.Combine(folder, name), _temp.File("cases/q.jsonl"));
        var rows = Rows(Path.Combine(folder, name))!;
        await ParquetRows.WriteAsync(_temp.File("cases/q.parquet"), [.. rows.Select(r => r.Row)], groupSize: 2);

        var (lines, lineFaults) = await TryAsync(_temp.File("cases/q.jsonl"));
        var (read, faults) = await TryAsync(_temp.File("cases/q.parquet"));

        read.Select(Text).ShouldBe(lines.Select(Text));
        faults.ShouldBe(lineFaults.Select(p => p with
        {
            Unit = "row",
            Line = p.Line is { } line ? rows.FindIndex(r => r.Line == line) + 1 : null,
            Remedy = p.Remedy.Replace("on lines", "on rows").Replace("one JSON object a line", "one a row"),
        }));

        static string Text(Question q) => JsonSerializer.Serialize(q with { MetadataJson = JsonNode.Parse(q.MetadataJson)!.ToJsonString() });
    }

    [Fact]
    public async Task Images_inside_the_file_are_found_again_by_row_and_index()
    {
        var (one, two) = (Bytes("one.png"), Bytes("two.png"));
        two = [.. two, 0, 1, 2]; // What follows the end of a PNG is no fault.
        await ParquetRows.WriteAsync<ParquetRows.Pictures>(
            Parquet,
            [
                new() { id = "a", images = [new() { bytes = one, path = "any/name.png" }, new() { path = "one.png" }, new() { bytes = two }] },
                new() { id = "b", images = [] },
                new() { id = "c" },
                new() { id = "d", images = [new() { bytes = two }] },
            ],
            groupSize: 2);

        var questions = await ReadAsync();

        questions.Select(q => q.Images.Length).ShouldBe([3, 0, 0, 1]);
        questions[0].Images.ShouldBe([$"parquet:{Parquet}#1/0", _temp.File("one.png"), $"parquet:{Parquet}#1/2"]);
        questions[0].Images.Select(ParquetImages.IsSource).ShouldBe([true, false, true]);
        questions[3].Images.ShouldBe([$"parquet:{Parquet}#4/0"]);
        (await ParquetImages.ReadAsync(questions[0].Images[0], Token)).ToArray().ShouldBe(one);
        (await ParquetImages.ReadAsync(questions[0].Images[2], Token)).ToArray().ShouldBe(two);
        (await ParquetImages.ReadAsync(questions[3].Images[0], Token)).ToArray().ShouldBe(two);
    }

    [Fact]
    public async Task A_single_image_may_stand_without_a_list()
    {
        var bytes = Bytes("one.png");
        await ParquetRows.WriteAsync<ParquetRows.Picture>(Parquet, [new() { images = new() { bytes = bytes, path = "x" } }, new() { id = "b" }]);
        var questions = await ReadAsync();
        questions.Select(q => q.Images.Length).ShouldBe([1, 0]);
        (await ParquetImages.ReadAsync(questions[0].Images[0], Token)).ToArray().ShouldBe(bytes);

        await ParquetRows.WriteAsync<ParquetRows.Blob>(Parquet, [new() { id = "b" }, new() { images = bytes }]);
        questions = await ReadAsync();
        questions.Select(q => q.Images.Length).ShouldBe([0, 1]);
        (await ParquetImages.ReadAsync(questions[1].Images[0], Token)).ToArray().ShouldBe(bytes);
    }

    [Fact]
    public async Task Images_inside_the_file_are_checked_as_files_are()
    {
        await ParquetRows.WriteAsync<ParquetRows.Pictures>(
            Parquet,
            [
                new() { id = "a", images = [new() { bytes = File.ReadAllBytes(Fixtures.Questions("bad", "cases", "images", "bad_crc.png")) }] },
                new() { id = "b", images = [new() { bytes = File.ReadAllBytes(Fixtures.Questions("bad", "cases", "images", "bomb_20000.png")), path = "big.png" }] },
                new() { id = "c", images = [new() { bytes = [] }] },
                new() { id = "d", images = [new()] },
                new() { id = "e", images = [new() { path = "../x.png" }] },
            ]);

        var problems = (await RefuseAsync()).Problems;

        problems.Select(p => (p.Fault, p.Line, p.Id, p.Field, p.Value)).ShouldBe(
        [
            (QuestionFault.ImageCorrupt, 1, "a", "images", "0"),
            (QuestionFault.ImageTooLarge, 2, "b", "images", "big.png"),
            (QuestionFault.ImageCorrupt, 3, "c", "images", "0"),
            (QuestionFault.ImageMissing, 4, "d", "images", "0"),
            (QuestionFault.ImagePath, 5, "e", "images", "../x.png"),
        ]);
    }

    [Theory]
    [InlineData("parquet:")]
    [InlineData("parquet:Q")]
    [InlineData("parquet:Q#1")]
    [InlineData("parquet:Q#0/0")]
    [InlineData("parquet:Q#1/1")]
    [InlineData("parquet:Q#2/0")]
    [InlineData("parquet:Q#-1/0")]
    [InlineData("Q#1/0")]
    public async Task A_source_that_leads_nowhere_is_refused(string source)
    {
        await ParquetRows.WriteAsync<ParquetRows.Blob>(Parquet, [new() { images = Bytes("one.png") }]);
        (await Should.ThrowAsync<InvalidDataException>(async () => await ParquetImages.ReadAsync(source.Replace("Q", Parquet), Token))).Message.ShouldContain("image");
        await Should.ThrowAsync<FileNotFoundException>(async () => await ParquetImages.ReadAsync($"parquet:{_temp.File("none")}#1/0", Token));
    }

    [Fact]
    public async Task Metadata_may_be_columns()
    {
        await ParquetRows.WriteAsync<ParquetRows.Nested>(
            Parquet,
            [new() { verifier = "numeric", metadata = new() { aliases = ["1.0", "one"], tolerance = 0.5, hops = 3 } }, new() { id = "b", metadata = new() { aliases = [] } }, new() { id = "c" }]);

        var questions = await ReadAsync();

        (questions[0].Tolerance, questions[0].Horizon).ShouldBe(("0.5", 3));
        questions[0].Aliases.ShouldBe(["1.0", "one"]);
        questions.Select(q => q.MetadataJson).ShouldBe(["""{"aliases":["1.0","one"],"tolerance":0.5,"hops":3}""", """{"aliases":[],"tolerance":null,"hops":null}""", "{}"]);
    }

    [Fact]
    public async Task Metadata_as_text_must_be_an_object()
    {
        await ParquetRows.WriteAsync<ParquetRows.Paths>(Parquet, [new() { metadata = "{\"hops\":" }, new() { id = "b", metadata = "[1]" }, new() { id = "c", metadata = "" }, new() { id = "d", metadata = new string('[', 70) }]);

        var problems = (await RefuseAsync()).Problems;

        problems.Select(p => (p.Fault, p.Line, p.Field)).ShouldBe([(QuestionFault.Json, 1, "metadata"), (QuestionFault.Type, 2, "metadata"), (QuestionFault.Json, 4, "metadata")]);
    }

    [Fact]
    public async Task A_column_that_is_absent_or_of_another_type_is_named_once()
    {
        await ParquetRows.WriteAsync(Parquet, Enumerable.Range(0, 50).Select(_ => new ParquetRows.NumberedAnswers()).ToArray());

        var e = await RefuseAsync();

        e.Problems.Select(p => (p.Fault, p.Line, p.Field)).ShouldBe(
            [(QuestionFault.MissingField, null, "verifier"), (QuestionFault.Type, null, "answer"), (QuestionFault.Type, null, "category"), (QuestionFault.Type, null, "suite")],
            ignoreOrder: true);
        e.Message.ShouldContain("answer: the column is of Int32; a string is needed");
        e.Message.ShouldContain("category: the column is a list; a string is needed");

        await ParquetRows.WriteAsync<ParquetRows.OneString>(Parquet, [new() { images = "a.png" }]);
        (await RefuseAsync()).Problems.ShouldHaveSingleItem().Remedy.ShouldStartWith("the column is of strings; a list of paths is needed");
    }

    [Fact]
    public async Task Faults_are_told_by_row_and_reading_stops_at_the_limit()
    {
        await ParquetRows.WriteAsync<ParquetRows.Paths>(Parquet, [new(), new() { answer = "four", verifier = "numeric", id = "b" }]);
        (await RefuseAsync()).Message.ShouldBe($"{Parquet}: row 2, question 'b': answer: 'four': no decimal number, which the verifier numeric needs; give one, or take the verifier exact");

        await ParquetRows.WriteAsync(Parquet, Enumerable.Range(0, 100).Select(i => new ParquetRows.Paths { id = $"{i}", answer = " " }).ToArray());
        var e = await RefuseAsync();
        e.Problems.Count.ShouldBe(QuestionFile.MaxProblems);
        e.Message.ShouldContain("there may be more");

        await ParquetRows.WriteAsync(Parquet, Array.Empty<ParquetRows.Paths>());
        (await RefuseAsync()).Problems.ShouldHaveSingleItem().Fault.ShouldBe(QuestionFault.Empty);
    }

    [Fact]
    public async Task A_row_may_be_no_longer_than_a_line()
    {
        var half = new string('y', QuestionFile.MaxLineBytes / 2);
        await ParquetRows.WriteAsync<ParquetRows.Paths>(Parquet, [new() { question = half + half }, new() { id = "b", question = half, metadata = $$"""{"x":"{{half}}"}""" }, new() { id = "c", question = half }]);

        (await RefuseAsync()).Problems.Select(p => (p.Fault, p.Line)).ShouldBe([(QuestionFault.TooLong, 1), (QuestionFault.TooLong, 2)]);
    }

    [Fact]
    public async Task A_column_that_would_unpack_to_more_than_is_admitted_is_refused_unread()
    {
        await ParquetRows.WriteAsync<ParquetRows.Paths>(Parquet, [new() { question = "find me, " + new string('z', 9_000) }]);
        var bytes = File.ReadAllBytes(Parquet);

        // The page header before the text: field 1 (type 0), then field 2, the unpacked size, as a number in zigzag.
        var page = Enumerable.Range(0, bytes.Length).First(i => bytes.AsSpan(i).StartsWith((ReadOnlySpan<byte>)[0x15, 0x00, 0x15]) && Varint(bytes, i + 3, out _) > 18_000);
        Varint(bytes, page + 3, out var length).ShouldBeGreaterThan(0);
        length.ShouldBe(3);
        bytes[page + 3 + 2] |= 0x80;
        var huge = bytes.AsSpan(0, page + 6).ToArray().Concat(new byte[] { 0xFF, 0x0F }).Concat(bytes.Skip(page + 6)).ToArray();
        File.WriteAllBytes(Parquet, huge);

        var problem = (await RefuseAsync()).Problems.ShouldHaveSingleItem();
        problem.Fault.ShouldBe(QuestionFault.Unreadable);
        problem.Remedy.ShouldContain("unpack to more than");
    }

    [Fact]
    public async Task What_is_no_parquet_file_is_refused()
    {
        await ParquetRows.WriteAsync<ParquetRows.Paths>(Parquet, [new()]);
        var good = File.ReadAllBytes(Parquet);
        (string Says, byte[] Bytes)[] cases =
        [
            ("too short", []),
            ("PAR1", Encoding.UTF8.GetBytes("""{"id":"a","question":"?"}""")),
            ("PAR1", good[..^9]),
            ("footer", [.. good[..^8], 0xFF, 0xFF, 0xFF, 0x7F, .. good[^4..]]),
            ("footer", [.. good[..^8], 0, 0, 0, 0x80, .. good[^4..]]),
            ("cut off", [.. good[..^8], 9, 0, 0, 0, .. good[^4..]]),
            ("too deep", Footer([.. Enumerable.Repeat((byte)0x1C, 60_000)])),
            ("cut off", Footer([0x15, 2, 0x19, 0xFC, 0xFF, 0xFF, 0xFF, 0xFF, 0x07])),
            ("no tree", Footer([0x15, 2, 0x19, 0xFC, 100, .. Enumerable.Repeat<byte[]>([0x55, 2, 0], 100).SelectMany(b => b), 0])),
            ("schema is cut off", Footer([0x15, 2, 0x19, 0x1C, 0x55, 8, 0, 0])),
        ];
        foreach (var (says, bytes) in cases)
        {
            File.WriteAllBytes(Parquet, bytes);
            var problem = (await RefuseAsync()).Problems.ShouldHaveSingleItem();
            problem.Fault.ShouldBe(QuestionFault.Unreadable);
            problem.Remedy.ShouldContain(says);
        }

        var missing = await Should.ThrowAsync<QuestionFileException>(async () => await QuestionFile.ReadAsync(_temp.File("none.parquet"), _verifiers, Token));
        missing.Problems.ShouldHaveSingleItem().Remedy.ShouldBe("there is no such file");

        static byte[] Footer(byte[] bytes) => [.. "PAR1"u8, .. bytes, .. BitConverter.GetBytes(bytes.Length), .. "PAR1"u8];
    }

    [Theory]
    [InlineData(CompressionMethod.None)]
    [InlineData(CompressionMethod.Snappy)]
    [InlineData(CompressionMethod.Gzip)]
    [InlineData(CompressionMethod.Zstd)]
    public async Task Damage_anywhere_is_a_fault_or_none_and_never_the_end(CompressionMethod compression)
    {
        var image = Bytes("one.png");
        await ParquetRows.WriteAsync(
            Parquet,
            Enumerable.Range(0, 6).Select(i => new ParquetRows.Pictures { id = $"q{i}", images = [new() { bytes = image }, new() { bytes = image, path = "p" }] }).ToArray(),
            groupSize: 3,
            compression);
        (await ReadAsync()).Count.ShouldBe(6);
        var good = File.ReadAllBytes(Parquet);
        var refused = 0;
        for (var at = 4; at < good.Length; at += 3)
        {
            byte[] bad = [.. good];
            bad[at] ^= (byte)(1 << (at % 8));
            File.WriteAllBytes(Parquet, bad);
            refused += (await TryAsync(Parquet)).Faults.Count > 0 ? 1 : 0;
        }

        refused.ShouldBeGreaterThan(good.Length / 12);
    }

    /// <summary>The lines of a file as rows with the numbers of their lines; null where a row cannot hold what a line does.</summary>
    private static List<(int Line, ParquetRows.Paths Row)>? Rows(string path)
    {
        var rows = new List<(int, ParquetRows.Paths)>();
        var text = File.ReadAllBytes(path);
        if (text.AsSpan().IndexOf("\\ud8"u8) >= 0)
        {
            return null; // Half a pair cannot be written.
        }

        var number = 0;
        foreach (var line in Encoding.UTF8.GetString(text).TrimStart('\uFEFF').Split('\n'))
        {
            number++;
            if (string.IsNullOrWhiteSpace(line.TrimEnd('\r')))
            {
                continue;
            }

            JsonElement root;
            try
            {
                root = JsonDocument.Parse(line).RootElement;
            }
            catch (JsonException)
            {
                return null;
            }

            if (root.ValueKind != JsonValueKind.Object || line.Contains('\uFFFD') || root.EnumerateObject().GroupBy(p => p.Name).Any(g => g.Count() > 1) || _texts.Any(t => !Is(t, JsonValueKind.String)) || !Is("images", JsonValueKind.Array)
                || (root.TryGetProperty("images", out var list) && list.ValueKind == JsonValueKind.Array && list.EnumerateArray().Any(i => i.ValueKind != JsonValueKind.String)))
            {
                return null;
            }

            rows.Add((number, new()
            {
                id = Get("id"),
                question = Get("question"),
                answer = Get("answer"),
                category = Get("category"),
                suite = Get("suite"),
                verifier = Get("verifier"),
                images = root.TryGetProperty("images", out var images) && images.ValueKind == JsonValueKind.Array ? [.. images.EnumerateArray().Select(i => i.GetString()!)] : null,
                metadata = root.TryGetProperty("metadata", out var metadata) ? metadata.GetRawText() : null,
            }));

            bool Is(string name, JsonValueKind kind) => !root.TryGetProperty(name, out var value) || value.ValueKind == kind || value.ValueKind == JsonValueKind.Null;

            string? Get(string name) => root.TryGetProperty(name, out var value) ? value.GetString() : null;
        }

        return rows;
    }

    private static long Varint(byte[] bytes, int at, out int length)
    {
        var value = 0L;
        length = 0;
        do
        {
            value |= (long)(bytes[at + length] & 127) << (7 * length);
        }
        while (bytes[at + length++] >= 128 && length < 6);
        return value;
    }

    private byte[] Bytes(string name) => File.ReadAllBytes(_temp.Picture(name));

    private Task<IReadOnlyList<Question>> ReadAsync() => QuestionFile.ReadAsync(Parquet, _verifiers, Token);

    private async Task<QuestionFileException> RefuseAsync() => await Should.ThrowAsync<QuestionFileException>(ReadAsync);

    private static async Task<(IReadOnlyList<Question> Questions, IReadOnlyList<QuestionProblem> Faults)> TryAsync(string path)
    {
        try
        {
            return (await QuestionFile.ReadAsync(path, _verifiers, Token), []);
        }
        catch (QuestionFileException e)
        {
            return ([], e.Problems);
        }
    }
}
