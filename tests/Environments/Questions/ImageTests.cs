using Axpo.Environments.Questions;

namespace Axpo.Environments.Tests.Questions;

/// <summary>What the cases of <c>questions/bad</c> do not hold.</summary>
public sealed class ImageTests : IDisposable
{
    private readonly TempFolder _temp = new();

    public void Dispose() => _temp.Dispose();

    [Theory]
    [InlineData("link.png")]
    [InlineData("folder-link/ok.png")]
    public async Task A_link_is_refused_even_where_the_path_looks_fine(string image)
    {
        using var outside = new TempFolder();
        outside.Picture("ok.png");
        File.CreateSymbolicLink(_temp.File("link.png"), outside.File("ok.png"));
        Directory.CreateSymbolicLink(_temp.File("folder-link"), outside.Path);
        (await FaultAsync(image)).ShouldBe(QuestionFault.ImagePath);
    }

    [Theory]
    [InlineData("images/../images/ok.png", QuestionFault.ImagePath)]
    [InlineData("images\\\\ok.png", QuestionFault.ImagePath)]
    [InlineData("images/ok.png\\u0000", QuestionFault.ImagePath)]
    [InlineData(".", QuestionFault.ImageMissing)]
    [InlineData("images/ok.png/x", QuestionFault.ImageMissing)]
    public async Task A_path_must_be_plain(string image, QuestionFault fault)
    {
        _temp.Picture("images/ok.png");
        (await FaultAsync(image)).ShouldBe(fault);
    }

    [Fact]
    public async Task A_picture_cut_off_anywhere_or_with_any_byte_changed_is_corrupt()
    {
        var png = File.ReadAllBytes(_temp.Picture("ok.png"));
        for (var length = 1; length < png.Length; length++)
        {
            (await FaultAsync(png[..length])).ShouldBe(QuestionFault.ImageCorrupt, $"{length} bytes");
        }

        for (var at = 0; at < png.Length; at++)
        {
            byte[] changed = [.. png];
            changed[at] ^= 0x10;
            (await FaultAsync(changed)).ShouldBe(QuestionFault.ImageCorrupt, $"byte {at}");
        }
    }

    [Fact]
    public async Task A_jpeg_is_read_from_marker_to_marker()
    {
        byte[] jpeg = [0xFF, 0xD8, 0xFF, 0xE0, 0, 4, 1, 2, 0xFF, 0xC0, 0, 11, 8, 0, 16, 0, 16, 1, 1, 0x11, 0, 0xFF, 0xDA, 0, 8, 1, 1, 0, 0, 63, 0, 1, 2, 3, 0xFF, 0xD9];
        (await FaultAsync(jpeg)).ShouldBeNull();
        (await FaultAsync(jpeg[..^2])).ShouldBe(QuestionFault.ImageCorrupt);
        (await FaultAsync(jpeg[..10])).ShouldBe(QuestionFault.ImageCorrupt);
        (await FaultAsync([.. jpeg[..8], .. jpeg[21..]])).ShouldBe(QuestionFault.ImageCorrupt); // No frame header.
        (await FaultAsync([.. jpeg[..13], 0xFF, 0xFF, 0xFF, 0xFF, .. jpeg[17..]])).ShouldBe(QuestionFault.ImageTooLarge);
        (await FaultAsync([.. jpeg[..13], 0, 0, 0, 16, .. jpeg[17..]])).ShouldBe(QuestionFault.ImageCorrupt);
    }

    [Fact]
    public async Task A_file_with_too_many_bytes_is_not_read()
    {
        using (var stream = File.Create(_temp.File("x.png")))
        {
            stream.SetLength((32L << 20) + 1);
        }

        (await FaultAsync("x.png")).ShouldBe(QuestionFault.ImageTooLarge);
    }

    private async Task<QuestionFault?> FaultAsync(byte[] bytes)
    {
        File.WriteAllBytes(_temp.File("x.png"), bytes);
        return await FaultAsync("x.png");
    }

    private async Task<QuestionFault?> FaultAsync(string image)
    {
        File.WriteAllText(_temp.File("q.jsonl"), $$"""{"id":"a","question":"?","answer":"1","category":"perception","suite":"s","verifier":"exact","images":["{{image}}"]}""");
        try
        {
            await QuestionFile.ReadAsync(_temp.File("q.jsonl"), ["exact"], TestContext.Current.CancellationToken);
            return null;
        }
        catch (QuestionFileException e)
        {
            return e.Problems.ShouldHaveSingleItem().Fault;
        }
    }
}
