namespace Axpo.Grains.Tests.Doubles;

public sealed class MemoryImageStoreTests
{
    /// <summary>PNG, 1 x 1, grey.</summary>
    private static readonly byte[] _pixel = Convert.FromBase64String("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg==");

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task An_image_is_stored_once_a_run_under_the_hash_of_its_bytes()
    {
        var store = new MemoryImageStore();
        var image = await store.PutAsync("r", _pixel, Token);

        (image.Width, image.Height).ShouldBe((1, 1));
        image.Uri.ShouldBe($"r/images/{image.Sha256}.png");
        (await store.PutAsync("r", _pixel, Token)).ShouldBe(image);
        (store.Puts, store.Count).ShouldBe((2, 1));
        (await store.ReadAsync(image, Token)).ToArray().ShouldBe(_pixel);
        (await store.PutAsync("s", _pixel, Token)).Sha256.ShouldBe(image.Sha256);
        store.Count.ShouldBe(2);
    }

    [Fact]
    public async Task What_is_not_there_not_the_same_or_no_PNG_file_is_told()
    {
        var store = new MemoryImageStore();
        var image = await store.PutAsync("r", _pixel, Token);

        (await Should.ThrowAsync<KeyNotFoundException>(store.ReadAsync(image with { Uri = "r/images/0.png" }, Token).AsTask())).Message.ShouldContain("r/images/0.png");
        await Should.ThrowAsync<InvalidDataException>(store.ReadAsync(image with { Sha256 = "0" }, Token).AsTask());
        await Should.ThrowAsync<InvalidDataException>(store.PutAsync("r", "GIF89a, and more than the header of a PNG file"u8.ToArray(), Token).AsTask());
        await Should.ThrowAsync<InvalidDataException>(store.PutAsync("r", _pixel.AsMemory(0, 20), Token).AsTask());
        store.Outage = new IOException("the disk is away");
        await Should.ThrowAsync<IOException>(store.ReadAsync(image, Token).AsTask());
        await Should.ThrowAsync<IOException>(store.PutAsync("r", _pixel, Token).AsTask());
    }
}
