using System.Security.Cryptography;
using Axpo.Core;
using Axpo.Imaging;
using Axpo.Silo.Storage;
using Shouldly;
using Xunit;

namespace Axpo.Silo.Tests.Storage;

public sealed class FileImageStoreTests : IDisposable
{
    private readonly TempFolder _folder = new();
    private readonly RunFolders _folders;

    public FileImageStoreTests() => _folders = new RunFolders(_folder.Path);

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_stored_image_reads_back_to_the_byte_also_by_another_instance()
    {
        var file = ImageFiles.Png(5, 3, 80);
        var image = await new FileImageStore(_folders).PutAsync("r", file, Token);
        var hash = Convert.ToHexStringLower(SHA256.HashData(file));
        image.ShouldBe(new ImageRef($"r/images/{hash}.png", hash, 5, 3));
        (await new FileImageStore(_folders).ReadAsync(image, Token)).ToArray().ShouldBe(file);
        (await File.ReadAllBytesAsync(Path.Combine(_folders.Images("r"), hash + ".png"), Token)).ShouldBe(file);
    }

    [Fact]
    public async Task An_image_is_stored_once_a_run_and_its_file_left_alone()
    {
        var store = new FileImageStore(_folders);
        var first = await store.PutAsync("r", ImageFiles.Png(4, 4, 1), Token);
        var path = Path.Combine(_folder.Path, first.Uri);
        File.SetLastWriteTimeUtc(path, DateTime.UnixEpoch);

        (await store.PutAsync("r", ImageFiles.Png(4, 4, 1), Token)).ShouldBe(first);
        (await new FileImageStore(_folders).PutAsync("r", ImageFiles.Png(4, 4, 1), Token)).ShouldBe(first);
        (await store.PutAsync("r", ImageFiles.Png(4, 4, 2), Token)).Uri.ShouldNotBe(first.Uri);
        (await store.PutAsync("s", ImageFiles.Png(4, 4, 1), Token)).Uri.ShouldBe("s" + first.Uri[1..]);

        File.GetLastWriteTimeUtc(path).ShouldBe(DateTime.UnixEpoch);
        Directory.GetFiles(_folders.Images("r")).Length.ShouldBe(2);
        Directory.GetFiles(_folders.Images("s")).Length.ShouldBe(1);
    }

    [Fact]
    public async Task Two_stores_may_store_the_same_images_at_once()
    {
        FileImageStore[] stores = [new(_folders), new(_folders)];
        byte[][] files = [.. Enumerable.Range(0, 8).Select(i => ImageFiles.Png(64, 64, (byte)i))];
        var images = await Task.WhenAll(from _ in Enumerable.Range(0, 4) from store in stores from file in files select store.PutAsync("r", file, Token).AsTask());

        images.Distinct().Count().ShouldBe(files.Length);
        Directory.GetFiles(_folders.Images("r")).Select(Path.GetFileName).ShouldBe(images.Select(i => Path.GetFileName(i.Uri)).Distinct(), ignoreOrder: true);
        for (var i = 0; i < images.Length; i++)
        {
            (await stores[i % 2].ReadAsync(images[i], Token)).ToArray().ShouldBe(files[i % files.Length]);
        }
    }

    [Theory]
    [InlineData("")]
    [InlineData("r/images/HASH")]
    [InlineData("r/images/HASH.")]
    [InlineData("r/images/HASH.png/")]
    [InlineData("r/images/HASH.png.png")]
    [InlineData("r/images/HASH.PNG")]
    [InlineData("r/images/HASH.p/g")]
    [InlineData("r/images/HASH.jsonl")]
    [InlineData("r/images/0HASH.png")]
    [InlineData("r/images/../HASH.png")]
    [InlineData("r/state/HASH.png")]
    [InlineData("r/images/run.json")]
    [InlineData("r\\images\\HASH.png")]
    [InlineData("../images/HASH.png")]
    [InlineData("./images/HASH.png")]
    [InlineData("/images/HASH.png")]
    [InlineData("/r/images/HASH.png")]
    [InlineData("r\0/images/HASH.png")]
    [InlineData("file:///r/images/HASH.png")]
    public async Task A_place_outside_the_store_is_refused_though_there_is_a_file(string uri)
    {
        var store = new FileImageStore(_folders);
        var image = await store.PutAsync("r", ImageFiles.Png(2, 2, 9), Token);
        Directory.CreateDirectory(_folders.State("r"));
        File.Copy(Path.Combine(_folder.Path, image.Uri), Path.Combine(_folders.State("r"), image.Sha256 + ".png"));
        Directory.CreateDirectory(Path.Combine(_folder.Path, "images"));
        File.Copy(Path.Combine(_folder.Path, image.Uri), Path.Combine(_folder.Path, "images", image.Sha256 + ".png"));

        await Should.ThrowAsync<ArgumentException>(async () => await store.ReadAsync(image with { Uri = uri.Replace("HASH", image.Sha256, StringComparison.Ordinal) }, Token));
        (await store.ReadAsync(image, Token)).Length.ShouldBeGreaterThan(0);
    }

    [Fact]
    public async Task A_file_that_was_changed_is_refused_and_one_that_is_gone_is_named()
    {
        var store = new FileImageStore(_folders);
        var image = await store.PutAsync("r", ImageFiles.Png(6, 6, 7), Token);
        var path = Path.Combine(_folder.Path, image.Uri);
        await File.WriteAllBytesAsync(path, ImageFiles.Png(6, 6, 8), Token);
        (await Should.ThrowAsync<InvalidDataException>(async () => await store.ReadAsync(image, Token))).Message.ShouldContain(image.Uri);

        File.Delete(path);
        (await Should.ThrowAsync<KeyNotFoundException>(async () => await store.ReadAsync(image, Token))).Message.ShouldContain(image.Uri);
        (await Should.ThrowAsync<KeyNotFoundException>(async () => await store.ReadAsync(image with { Uri = "nobody" + image.Uri[1..] }, Token))).Message.ShouldContain("nobody/images/");
    }

    [Fact]
    public async Task What_is_no_picture_or_a_damaged_one_is_refused_and_nothing_is_written()
    {
        var store = new FileImageStore(_folders);
        var whole = PictureEncoder.Png(ImageFiles.Canvas(1));
        await Should.ThrowAsync<InvalidDataException>(async () => await store.PutAsync("r", "no picture"u8.ToArray(), Token));
        await Should.ThrowAsync<InvalidDataException>(async () => await store.PutAsync("r", ReadOnlyMemory<byte>.Empty, Token));
        await Should.ThrowAsync<InvalidDataException>(async () => await store.PutAsync("r", whole.AsMemory(0, whole.Length / 2), Token));
        await Should.ThrowAsync<ArgumentException>(async () => await store.PutAsync("../r", whole, Token));
        Directory.EnumerateFileSystemEntries(_folder.Path).ShouldBeEmpty();
    }

    [Fact]
    public async Task Sides_are_those_of_the_upright_picture()
    {
        var store = new FileImageStore(_folders);
        var image = await store.PutAsync("r", ImageFiles.SidewaysJpeg(24, 10), Token);
        (image.Width, image.Height).ShouldBe((10, 24));
        image.Uri.ShouldEndWith(".jpg");
    }

    public void Dispose() => _folder.Dispose();
}
