using Axpo.Core;
using Axpo.Imaging;
using Axpo.Silo.Storage;
using Shouldly;
using Xunit;

namespace Axpo.Silo.Tests.Storage;

/// <summary>The store of images follows no link that stands where it would have written, even to the right bytes.</summary>
public sealed class ImageLinksTests : IDisposable
{
    private readonly TempFolder _folder = new();
    private readonly TempFolder _outside = new();

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_file_that_is_a_link_is_refused()
    {
        var (store, image) = await StoredAsync();
        var path = Path.Combine(_folder.Path, image.Uri);
        var elsewhere = Path.Combine(_outside.Path, "elsewhere.png");
        File.Move(path, elsewhere);
        File.CreateSymbolicLink(path, elsewhere);

        (await Should.ThrowAsync<InvalidDataException>(store.ReadAsync(image, Token).AsTask())).Message.ShouldContain("is a link");
    }

    [Fact]
    public async Task A_folder_of_images_that_is_a_link_is_refused()
    {
        var (store, image) = await StoredAsync();
        var images = new RunFolders(_folder.Path).Images("r");
        var elsewhere = Path.Combine(_outside.Path, "images");
        Directory.Move(images, elsewhere);
        Directory.CreateSymbolicLink(images, elsewhere);

        (await Should.ThrowAsync<InvalidDataException>(store.ReadAsync(image, Token).AsTask())).Message.ShouldContain("is a link");
    }

    [Fact]
    public async Task A_copy_in_another_folder_of_runs_has_the_same_place()
    {
        var (_, image) = await StoredAsync();
        var copies = new FileImageStore(new RunFolders(_outside.Path));

        await copies.CopyFromAsync(new RunFolders(_folder.Path), image, Token);
        await copies.CopyFromAsync(new RunFolders(_folder.Path), image, Token);

        (await copies.ReadAsync(image, Token)).ToArray().ShouldBe(await File.ReadAllBytesAsync(Path.Combine(_folder.Path, image.Uri), Token));
    }

    public void Dispose()
    {
        _folder.Dispose();
        _outside.Dispose();
    }

    private async Task<(FileImageStore Store, ImageRef Image)> StoredAsync()
    {
        var store = new FileImageStore(new RunFolders(_folder.Path));
        return (store, await store.PutAsync("r", PictureEncoder.Png(3, 2, [1, 2, 3, 4, 5, 6]), Token));
    }
}
