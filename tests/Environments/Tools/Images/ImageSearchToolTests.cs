using Axpo.Environments.Digits;
using Axpo.Environments.Tools.Images;
using Axpo.Imaging;

namespace Axpo.Environments.Tests.Tools.Images;

public sealed class ImageSearchToolTests : IDisposable
{
    private readonly MemoryImageStore _store = new();
    private readonly TempFolder _folder = new();

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Digits_that_the_index_does_not_hold_are_mostly_told_apart()
    {
        var right = 0;
        foreach (var digit in Enumerable.Range(0, 10))
        {
            foreach (var index in Enumerable.Range(0, 50).Where(i => HandwrittenDigits.SplitOf(i) == Split.Test))
            {
                var image = await Put(HandwrittenDigits.Side, HandwrittenDigits.Ink(digit, index).ToArray());
                right += (await Search("""{"top_k":1}""", image)).Text.StartsWith($"[1] a handwritten {digit} (", StringComparison.Ordinal) ? 1 : 0;
            }
        }

        right.ShouldBeInRange(70, 100, "of 100; 10 by chance");
    }

    [Fact]
    public async Task The_nearest_come_first_and_a_negative_is_as_near()
    {
        var square = Enumerable.Range(0, 100 * 100).Select(i => Math.Abs((i % 100) - 50) < 30 && Math.Abs((i / 100) - 50) < 30 ? (byte)200 : (byte)30).ToArray();
        var result = await Search("""{"top_k":5}""", await Put(100, square));

        result.IsError.ShouldBeFalse();
        var lines = result.Text.Split('\n');
        lines.Length.ShouldBe(5);
        lines[0].ShouldBe("[1] a square (1.00)");
        (await Search("""{"top_k":5}""", await Put(100, [.. square.Select(g => (byte)(255 - g))]))).Text.Split('\n')[0].ShouldBe(lines[0]);
        (await Search("{}", await Put(100, square))).Text.Split('\n').ShouldBe(lines[..3]);
    }

    [Fact]
    public async Task Any_image_of_the_episode_may_be_asked_for()
    {
        var index = new ImageIndex([(Picture(4, 0, 255), "a sky"), (Picture(4, 255, 0, 0, 255), "a mast")]);
        ImageRef[] seen = [await Put(4, Grey(4, 0, 255)), await Put(4, Grey(4, 255, 0, 0, 255))];

        (await Search(new ImageSearchTool(_store, index), """{"img_idx":0,"top_k":1}""", seen)).ShouldBe(new ToolResult("[1] a sky (1.00)"));
        (await Search(new ImageSearchTool(_store, index), """{"img_idx":1,"top_k":1}""", seen)).ShouldBe(new ToolResult("[1] a mast (1.00)"));
        (await Search(new ImageSearchTool(_store, index), """{"img_idx":1,"top_k":5}""", seen)).Text.Split('\n').Length.ShouldBe(2);
    }

    [Fact]
    public async Task A_picture_of_one_grey_is_like_none()
    {
        var hits = (await Search("""{"top_k":2}""", await Put(5, new byte[25]))).Text;
        hits.ShouldBe("[1] a handwritten 0 (0.00)\n[2] a handwritten 0 (0.00)");
    }

    [Theory]
    [InlineData("""{"img_idx":1}""", "there is no image 1; the only one is 0")]
    [InlineData("""{"img_idx":-1}""", "there is no image -1; the only one is 0")]
    [InlineData("""{"top_k":0}""", "top_k must be 1 to 5")]
    [InlineData("""{"top_k":6}""", "top_k must be 1 to 5")]
    [InlineData("""{"top_k":"3"}""", "argument 'top_k' must be an integer")]
    [InlineData("""{"query":"cat"}""", "unknown argument 'query'; image_search takes img_idx, top_k")]
    public async Task Mistakes_of_the_policy_are_told(string arguments, string message) =>
        (await Search(arguments, await Put(3, new byte[9]))).ShouldBe(new ToolResult("Error: " + message, IsError: true));

    [Fact]
    public async Task Where_nothing_was_seen_there_is_nothing_to_search_with() =>
        (await Search("{}")).ShouldBe(new ToolResult("Error: there is no image to search with", IsError: true));

    [Fact]
    public async Task Images_that_cannot_be_read_are_infrastructure()
    {
        var image = await Put(3, new byte[9]);
        _store.Fault = new IOException("the disk is away");
        (await Should.ThrowAsync<ToolUnavailableException>(Search("{}", image))).IsTransient.ShouldBeTrue();
        (await Should.ThrowAsync<ToolUnavailableException>(Search(new ImageSearchTool(null), "{}", image))).Message.ShouldBe("image_search: no image store is registered");
    }

    [Fact]
    public async Task It_works_where_there_is_a_store_and_says_how_much_it_searches()
    {
        (await new ImageSearchTool(_store).ProbeAsync(Token)).ShouldBe(new ToolProbe(true, $"searches {(10 * 24) + (3 * 4 * 2)} pictures"));
        (await new ImageSearchTool(null).ProbeAsync(Token)).Works.ShouldBeFalse();
        new ImageSearchTool(_store).NeedsImages.ShouldBeTrue();
        new ImageSearchTool(_store).IsHeldOut.ShouldBeTrue();
    }

    [Fact]
    public async Task An_index_is_read_from_a_file_of_captions()
    {
        _folder.Picture("in/a.png");
        await File.WriteAllBytesAsync(_folder.File("b.png"), PictureEncoder.Png(8, 8, [.. Enumerable.Range(0, 64).Select(i => (byte)(i % 8 < 4 ? 0 : 255))]), Token);
        await File.WriteAllTextAsync(_folder.File("index.jsonl"), """{"image":"in/a.png","caption":"something"}""" + "\n\n" + """{"caption":"an edge","image":"b.png"}""", Token);

        var index = await ImageIndex.ReadAsync(_folder.File("index.jsonl"), Token);

        index.Count.ShouldBe(2);
        var image = await _store.PutAsync("r", await File.ReadAllBytesAsync(_folder.File("b.png"), Token), Token);
        (await Search(new ImageSearchTool(_store, index), """{"top_k":1}""", image)).Text.ShouldBe("[1] an edge (1.00)");
    }

    [Theory]
    [InlineData("", "holds no picture")]
    [InlineData("[]", "line 1: must be an object with image and caption, not Array")]
    [InlineData("{", "line 1: ")]
    [InlineData("""{"image":"a.png"}""", "line 1: field caption is missing")]
    [InlineData("""{"caption":"a"}""", "line 1: field image is missing")]
    [InlineData("""{"image":"a.png","caption":3}""", "line 1: caption must be text, not 3")]
    [InlineData("""{"image":"a.png","caption":" "}""", "line 1: caption must be one line of 1 to 200 characters")]
    [InlineData("""{"image":"a.png","caption":"a\nb"}""", "line 1: caption must be one line of 1 to 200 characters")]
    [InlineData("""{"image":"a.png","caption":"a","label":"b"}""", "line 1: unknown field 'label'; there are image and caption")]
    [InlineData("""{"image":"../a.png","caption":"a"}""", "line 1: image '../a.png': must be relative to the folder of this file")]
    [InlineData("""{"image":"gone.png","caption":"a"}""", "line 1: image 'gone.png': there is no such file")]
    [InlineData("""{"image":"text.png","caption":"a"}""", "line 1: image 'text.png': ")]
    public async Task A_file_that_is_no_index_is_refused_with_its_line(string text, string message)
    {
        _folder.Picture("a.png");
        await File.WriteAllTextAsync(_folder.File("text.png"), "text", Token);
        await File.WriteAllTextAsync(_folder.File("index.jsonl"), text, Token);
        (await Should.ThrowAsync<InvalidDataException>(ImageIndex.ReadAsync(_folder.File("index.jsonl"), Token))).Message.ShouldContain(message);
    }

    [Fact]
    public void An_index_of_nothing_is_refused() => Should.Throw<ArgumentException>(() => new ImageIndex([]));

    public void Dispose() => _folder.Dispose();

    /// <summary>Quarters: upper left, lower left, upper right, lower right; two values: upper and lower half.</summary>
    private static byte[] Grey(int side, params byte[] quarters) =>
        [.. Enumerable.Range(0, side * side).Select(i => quarters[(quarters.Length == 4 && i % side >= side / 2 ? 2 : 0) + (i / side >= side / 2 ? 1 : 0)])];

    private static Picture Picture(int side, params byte[] quarters) => PictureDecoder.Decode(PictureEncoder.Png(side, side, Grey(side, quarters)));

    private ValueTask<ImageRef> Put(int side, byte[] grey) => _store.PutAsync("given", PictureEncoder.Png(side, side, grey), Token);

    private Task<ToolResult> Search(string arguments, params ImageRef[] images) => Search(new ImageSearchTool(_store), arguments, images);

    private static async Task<ToolResult> Search(ImageSearchTool tool, string arguments, params ImageRef[] images)
    {
        await using var session = await tool.OpenAsync(new ToolSessionContext("test", ChanceKey.Root(1)), Token);
        return await session.InvokeAsync(new ToolInvocation(arguments) { Run = "asked", Images = images }, Token);
    }
}
