using Axpo.Environments.Tools.Images;
using Axpo.Imaging;

namespace Axpo.Environments.Tests.Tools.Images;

public sealed class ZoomToolTests
{
    private readonly MemoryImageStore _store = new();

    [Theory]
    [InlineData("[0,0,1000,1000]", 0, 0, 640, 480)]
    [InlineData("[250,500,750,1000]", 160, 240, 320, 240)]
    [InlineData("[0,0,0.001,0.001]", 0, 0, 1, 1)]
    [InlineData("[999.999,999.999,1000,1000]", 639, 479, 1, 1)]
    [InlineData("[999.9999999999999,0,1000,1]", 639, 0, 1, 1)]
    [InlineData("[0,0,312.5,0.1]", 0, 0, 200, 1)]
    [InlineData("[500,0,500.1,416]", 320, 0, 1, 200)]
    [InlineData("[1,1,3,3]", 0, 0, 2, 2)]
    [InlineData("[-500,-1,500,2e300]", 0, 0, 320, 480)]
    [InlineData("[1e2,100.0,1.5e2,150]", 64, 48, 32, 24)]
    [InlineData("[100,100,101,101]", 64, 48, 1, 1)]
    public async Task A_part_is_cut_out_to_the_pixel(string box, int x, int y, int width, int height)
    {
        var picture = Noise(640, 480);
        var image = await Put(picture);

        var result = await Zoom($$"""{"bbox_2d":{{box}}}""", image);

        (result.Text, result.IsError).ShouldBe(("image 1", false));
        var crop = result.Images.ShouldHaveSingleItem();
        (crop.Width, crop.Height).ShouldBe((width, height));
        var pixels = PictureDecoder.Decode(_store[crop].Span);
        for (var row = 0; row < height; row++)
        {
            pixels.Row(row).SequenceEqual(picture.Row(y + row).Slice(3 * x, 3 * width)).ShouldBeTrue($"row {row}");
        }
    }

    [Theory]
    [InlineData("[0,0,1000,0.1]", "640 x 1")]
    [InlineData("[0,0,314,0.1]", "201 x 1")]
    [InlineData("[500,0,500.1,1000]", "1 x 480")]
    public async Task A_part_that_no_model_could_be_shown_is_the_policys_mistake(string box, string sides)
    {
        var result = await Zoom($$"""{"bbox_2d":{{box}}}""", await Put(Noise(640, 480)));

        result.IsError.ShouldBeTrue();
        result.Text.ShouldStartWith("Error: bbox_2d");
        result.Text.ShouldEndWith($"is too thin: {sides} pixels; one side may be 200 times the other at most");
        result.Images.ShouldBeEmpty();
    }

    [Theory]
    [InlineData(1, 5000)]
    [InlineData(5000, 1)]
    [InlineData(1, 1)]
    public async Task Extreme_shapes_have_parts_too(int width, int height)
    {
        var crop = (await Zoom("""{"bbox_2d":[500,500,501,501]}""", await Put(Noise(width, height)))).Images.ShouldHaveSingleItem();

        (crop.Width, crop.Height).ShouldBe((width == 1 ? 1 : 5, height == 1 ? 1 : 5));
    }

    [Fact]
    public async Task Any_image_of_the_episode_may_be_asked_for_and_the_new_one_is_the_next()
    {
        ImageRef[] seen = [await Put(Noise(10, 10)), await Put(Noise(20, 30)), await Put(Noise(40, 40))];

        var result = await Zoom("""{"bbox_2d":[0,0,500,500],"label":"the cat","img_idx":1}""", seen);

        result.Text.ShouldBe("image 3");
        (result.Images[0].Width, result.Images[0].Height).ShouldBe((10, 15));
        _store.Runs.ShouldContain("asked");
        (await Zoom("""{"img_idx":1,"bbox_2d":[0,0,500,500]}""", seen)).ShouldBe(result, "the same call gives the same");
    }

    [Theory]
    [InlineData("[0,0,1000,1000]", "arguments must be a JSON object")]
    [InlineData("""{"bbox_2d":[0,0,NaN,1]}""", "arguments are not valid JSON")]
    [InlineData("""{"bbox_2d":[0,0,Infinity,1]}""", "arguments are not valid JSON")]
    [InlineData("""{"bbox_2d":[0,0,1e400,1]}""", "argument 'bbox_2d' must be an array of numbers")]
    [InlineData("""{"bbox_2d":["0","0","1","1"]}""", "argument 'bbox_2d' must be an array of numbers")]
    [InlineData("""{"bbox_2d":[0,0,null,1]}""", "argument 'bbox_2d' must be an array of numbers")]
    [InlineData("""{"bbox_2d":[[0,0,1,1]]}""", "argument 'bbox_2d' must be an array of numbers")]
    [InlineData("""{"bbox_2d":"0,0,1,1"}""", "argument 'bbox_2d' must be an array of numbers")]
    [InlineData("""{"bbox_2d":null}""", "argument 'bbox_2d' must be an array of numbers")]
    [InlineData("""{"bbox_2d":[]}""", "bbox_2d must be 4 numbers, [x0, y0, x1, y1]; it has 0")]
    [InlineData("""{"bbox_2d":[0,0,1]}""", "bbox_2d must be 4 numbers, [x0, y0, x1, y1]; it has 3")]
    [InlineData("""{"bbox_2d":[0,0,1,1,1]}""", "bbox_2d must be 4 numbers, [x0, y0, x1, y1]; it has 5")]
    [InlineData("""{"bbox_2d":[500,0,400,10]}""", "bbox_2d [500, 0, 400, 10] is empty; it must be [x0, y0, x1, y1] with x0 < x1 and y0 < y1")]
    [InlineData("""{"bbox_2d":[0,7.5,10,7.5]}""", "bbox_2d [0, 7.5, 10, 7.5] is empty; it must be [x0, y0, x1, y1] with x0 < x1 and y0 < y1")]
    [InlineData("""{"bbox_2d":[1000,0,1200,10]}""", "bbox_2d [1000, 0, 1200, 10] lies outside the image, whose corners are [0, 0, 1000, 1000]")]
    [InlineData("""{"bbox_2d":[0,-20,10,0]}""", "bbox_2d [0, -20, 10, 0] lies outside the image, whose corners are [0, 0, 1000, 1000]")]
    [InlineData("""{"bbox_2d":[0,0,1,1],"img_idx":1}""", "there is no image 1; the only one is 0")]
    [InlineData("""{"bbox_2d":[0,0,1,1],"img_idx":-1}""", "there is no image -1; the only one is 0")]
    [InlineData("""{"bbox_2d":[0,0,1,1],"img_idx":1e400}""", "argument 'img_idx' must be an integer")]
    [InlineData("""{"bbox_2d":[0,0,1,1],"img_idx":0.5}""", "argument 'img_idx' must be an integer")]
    [InlineData("""{"bbox_2d":[0,0,1,1],"img_idx":"0"}""", "argument 'img_idx' must be an integer")]
    [InlineData("""{"bbox_2d":[0,0,1,1],"label":1}""", "argument 'label' must be a string")]
    [InlineData("""{"box":[0,0,1,1]}""", "unknown argument 'box'; image_zoom_in takes bbox_2d, label, img_idx")]
    [InlineData("{}", "argument 'bbox_2d' is missing")]
    public async Task Mistakes_of_the_policy_are_told(string arguments, string message) =>
        (await Zoom(arguments, await Put(Noise(10, 10)))).ShouldBe(new ToolResult("Error: " + message, IsError: true));

    [Fact]
    public async Task Where_nothing_was_seen_there_is_nothing_to_zoom_in_on()
    {
        (await Zoom("""{"bbox_2d":[0,0,1,1]}""")).ShouldBe(new ToolResult("Error: there is no image to zoom in on", IsError: true));
        (await Zoom("""{"bbox_2d":[0,0,1,1],"img_idx":5}""", await Put(Noise(3, 3)), await Put(Noise(3, 4)))).Text.ShouldBe("Error: there is no image 5; there are 0 to 1");
    }

    [Fact]
    public async Task A_picture_that_many_ask_for_is_read_and_decoded_once()
    {
        var (image, gate) = (await Put(Noise(64, 64)), new TaskCompletionSource());
        _store.Gate = gate.Task;
        var tool = new ZoomTool(_store);

        var asked = Enumerable.Range(0, 40).Select(i => Zoom(tool, $$"""{"bbox_2d":[0,0,{{100 + i}},500]}""", image)).ToArray();
        gate.SetResult();

        (await Task.WhenAll(asked)).ShouldAllBe(r => !r.IsError && r.Images.Length == 1);
        _store.Reads.ShouldBe(1);
        await Zoom(tool, """{"bbox_2d":[0,0,1,1]}""", image);
        _store.Reads.ShouldBe(1);
    }

    [Fact]
    public async Task Who_gives_up_takes_the_picture_from_nobody()
    {
        var (image, gate) = (await Put(Noise(64, 64)), new TaskCompletionSource());
        _store.Gate = gate.Task;
        var tool = new ZoomTool(_store);
        using var impatient = new CancellationTokenSource();

        var given = Zoom(tool, """{"bbox_2d":[0,0,1,1]}""", [image], impatient.Token);
        var waits = Zoom(tool, """{"bbox_2d":[0,0,1,1]}""", image);
        await impatient.CancelAsync();
        await Should.ThrowAsync<OperationCanceledException>(given);
        gate.SetResult();

        (await waits).IsError.ShouldBeFalse();
        _store.Reads.ShouldBe(1);
    }

    [Fact]
    public async Task What_lies_longest_unused_is_forgotten_when_the_bytes_are_used_up()
    {
        ImageRef[] images = [await Put(Noise(10, 10)), await Put(Noise(10, 11)), await Put(Noise(11, 10))];
        var tool = new ZoomTool(_store, cacheBytes: 700);
        async Task<int> ReadsAfter(int index)
        {
            await Zoom(tool, $$"""{"bbox_2d":[0,0,1,1],"img_idx":{{index}}}""", images);
            return _store.Reads;
        }

        (await ReadsAfter(0)).ShouldBe(1);
        (await ReadsAfter(1)).ShouldBe(2);
        (await ReadsAfter(0)).ShouldBe(2);
        (await ReadsAfter(2)).ShouldBe(3);
        (await ReadsAfter(0)).ShouldBe(3, "it was used after 1");
        (await ReadsAfter(1)).ShouldBe(4);
    }

    [Fact]
    public async Task A_store_that_fails_is_never_the_policys_fault_and_may_be_well_again()
    {
        var (image, tool) = (await Put(Noise(8, 8)), new ZoomTool(_store));
        _store.Fault = new IOException("the disk is gone");
        (await Should.ThrowAsync<ToolUnavailableException>(() => Zoom(tool, """{"bbox_2d":[0,0,1,1]}""", image))).IsTransient.ShouldBeTrue();

        _store.Fault = null;
        (await Zoom(tool, """{"bbox_2d":[0,0,1,1]}""", image)).IsError.ShouldBeFalse();
        var gone = await Should.ThrowAsync<ToolUnavailableException>(() => Zoom(tool, """{"bbox_2d":[0,0,1,1]}""", new ImageRef("lost", "lost", 8, 8)));
        (gone.IsTransient, gone.Message).ShouldBe((false, "image_zoom_in: image lost: lost is not stored"));
    }

    [Fact]
    public async Task A_file_that_is_no_picture_or_another_size_is_not_the_policys_fault()
    {
        var image = await Put(Noise(8, 8));
        (await Should.ThrowAsync<ToolUnavailableException>(() => Zoom("""{"bbox_2d":[0,0,1,1]}""", image with { Width = 9 }))).Message.ShouldContain("it has 8 x 8 pixels, its reference says 9 x 8");
        _store.Fault = new InvalidDataException("picture: damaged");
        (await Should.ThrowAsync<ToolUnavailableException>(() => Zoom("""{"bbox_2d":[0,0,1,1]}""", image))).IsTransient.ShouldBeFalse();
    }

    [Fact]
    public async Task It_works_where_images_are_stored_and_says_so_where_not()
    {
        (await new ZoomTool(_store).ProbeAsync(TestContext.Current.CancellationToken)).Works.ShouldBeTrue();
        var probe = await new ZoomTool(null).ProbeAsync(TestContext.Current.CancellationToken);
        (probe.Works, probe.Remedy).ShouldBe((false, "register an IImageStore (AddAxpo does)"));
        await Should.ThrowAsync<ToolUnavailableException>(async () => await Zoom(new ZoomTool(null), """{"bbox_2d":[0,0,1,1]}""", await Put(Noise(8, 8))));
    }

    private static Picture Noise(int width, int height)
    {
        var state = (uint)((width * 7919) + height);
        return new Picture(width, height, [.. Enumerable.Range(0, 3 * width * height).Select(_ => (byte)((state = (state * 1664525) + 1013904223) >> 24))]);
    }

    private ValueTask<ImageRef> Put(Picture picture) => _store.PutAsync("given", PictureEncoder.Png(picture), TestContext.Current.CancellationToken);

    private Task<ToolResult> Zoom(string arguments, params ImageRef[] images) => Zoom(new ZoomTool(_store), arguments, images);

    private static Task<ToolResult> Zoom(ZoomTool tool, string arguments, params ImageRef[] images) => Zoom(tool, arguments, images, TestContext.Current.CancellationToken);

    private static async Task<ToolResult> Zoom(ZoomTool tool, string arguments, ImageRef[] images, CancellationToken cancellationToken)
    {
        await using var session = await tool.OpenAsync(new ToolSessionContext("test", ChanceKey.Root(1)), cancellationToken);
        return await session.InvokeAsync(new ToolInvocation(arguments) { Run = "asked", Images = images }, cancellationToken);
    }
}
