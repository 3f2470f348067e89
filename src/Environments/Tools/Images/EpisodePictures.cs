using Axpo.Imaging;

namespace Axpo.Environments.Tools.Images;

/// <summary>What tools that look at an episode's images share: which image is meant, its pixels (decoded once for all sessions of the tool), and what it means that they cannot be had.</summary>
/// <param name="tool">Name of the tool.</param>
/// <param name="store">Where images are; null where the host has none.</param>
/// <param name="cacheBytes">Bytes of decoded pixels that are kept.</param>
internal sealed class EpisodePictures(string tool, IImageStore? store, long cacheBytes)
{
    private readonly DecodedPictures _pictures = new(cacheBytes);

    /// <summary>What is wrong with an index of an image; null if nothing.</summary>
    /// <param name="images">The images that the episode has seen.</param>
    /// <param name="index">The index.</param>
    /// <param name="purpose">What the tool wants an image for.</param>
    public static ToolResult? Fault(IReadOnlyList<ImageRef> images, int index, string purpose) => images.Count switch
    {
        0 => ToolArguments.Fault($"there is no image {purpose}"),
        _ when index >= 0 && index < images.Count => null,
        1 => ToolArguments.Fault($"there is no image {index}; the only one is 0"),
        _ => ToolArguments.Fault($"there is no image {index}; there are 0 to {images.Count - 1}"),
    };

    /// <summary>Tries the tool on pictures of its own.</summary>
    /// <param name="attempt">Says how it works, or throws.</param>
    /// <param name="cancellationToken">Cancels.</param>
    public async Task<ToolProbe> ProbeAsync(Func<ToolProbe> attempt, CancellationToken cancellationToken)
    {
        if (store is null)
        {
            return new ToolProbe(false, "no image store is registered", "register an IImageStore (AddAxpo does)");
        }

        try
        {
            return await Task.Run(attempt, cancellationToken);
        }
        catch (Exception e) when (e is TypeInitializationException or DllNotFoundException or InvalidDataException)
        {
            return new ToolProbe(false, e.Message, "SkiaSharp's native library is needed; it comes with Axpo's packages: run dotnet restore");
        }
    }

    /// <summary>Does work on an image of the episode.</summary>
    /// <exception cref="ToolUnavailableException">There is no store, or the image cannot be read or a new one not stored.</exception>
    public async Task<T> WithAsync<T>(ImageRef image, Func<IImageStore, Picture, Task<T>> work, CancellationToken cancellationToken)
    {
        var images = store ?? throw new ToolUnavailableException($"{tool}: no image store is registered", isTransient: false);
        try
        {
            var picture = await _pictures.GetAsync(image, async i => await images.ReadAsync(i, CancellationToken.None), cancellationToken);
            return (picture.Width, picture.Height) == (image.Width, image.Height)
                ? await work(images, picture)
                : throw new InvalidDataException($"it has {picture.Width} x {picture.Height} pixels, its reference says {image.Width} x {image.Height}");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or KeyNotFoundException or InvalidDataException or NotSupportedException)
        {
            throw new ToolUnavailableException($"{tool}: image {image.Uri}: {e.Message}", isTransient: e is IOException, e);
        }
    }
}
