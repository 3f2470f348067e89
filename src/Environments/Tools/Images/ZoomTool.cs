using System.Globalization;
using Axpo.Imaging;

namespace Axpo.Environments.Tools.Images;

/// <summary>
/// <c>image_zoom_in(bbox_2d, label, img_idx)</c>: cuts a part out of an image that the episode has seen and shows it as a new one, to the pixel: resizing is the
/// model's own affair. Stateless. Decoded images are shared by all sessions.
/// </summary>
/// <param name="store">Where images are; null where the host has none: the tool then does not work.</param>
/// <param name="cacheBytes">Bytes of decoded pixels that are kept.</param>
public sealed class ZoomTool(IImageStore? store, long cacheBytes = ZoomTool.DefaultCacheBytes) : ITool
{
    /// <summary>Its name.</summary>
    public const string Name = "image_zoom_in";

    /// <summary>Bytes of decoded pixels that are kept unless told otherwise.</summary>
    public const long DefaultCacheBytes = 256L << 20;

    private readonly DecodedPictures _pictures = new(cacheBytes);

    /// <inheritdoc/>
    public ToolSpec Spec { get; } = new(Name, "Zooms in on a part of an image and shows it as a new image.",
    [
        new ToolParameter("bbox_2d", "array", true, "The part: [x0, y0, x1, y1], 0 to 1000 relative to the image; what lies outside is cut off.") { ItemType = "number" },
        new ToolParameter("label", "string", false, "What is looked for."),
        new ToolParameter("img_idx", "integer", false, "Which image, 0 = the first (default)."),
    ]);

    /// <inheritdoc/>
    public bool IsStateful => false;

    /// <inheritdoc/>
    public bool NeedsImages => true;

    /// <inheritdoc/>
    public async Task<ToolProbe> ProbeAsync(CancellationToken cancellationToken)
    {
        if (store is null)
        {
            return new ToolProbe(false, "no image store is registered", "register an IImageStore (AddAxpo does)");
        }

        try
        {
            var file = PictureEncoder.Png(2, 2, [1, 2, 3, 4]);
            var crop = await Task.Run(() => PictureDecoder.Decode(Crop(PictureDecoder.Decode(file), new ZoomBox(1, 1, 1, 1))), cancellationToken);
            return crop is { Width: 1, Height: 1 } && crop.Rgb[0] == 4
                ? new ToolProbe(true, "cuts and writes pictures")
                : new ToolProbe(false, "a pixel cut out of a picture is another one", "reinstall Axpo: its SkiaSharp is damaged");
        }
        catch (Exception e) when (e is TypeInitializationException or DllNotFoundException or InvalidDataException)
        {
            return new ToolProbe(false, e.Message, "SkiaSharp's native library is needed; it comes with Axpo's packages: run dotnet restore");
        }
    }

    /// <inheritdoc/>
    public Task<IToolSession> OpenAsync(ToolSessionContext context, CancellationToken cancellationToken) => Task.FromResult<IToolSession>(new Session(this));

    /// <summary>What the policy reads beside a new image.</summary>
    /// <param name="index">The index by which it may be called.</param>
    internal static string Observation(int index) => string.Create(CultureInfo.InvariantCulture, $"image {index}");

    private static byte[] Crop(Picture picture, ZoomBox box) => PictureEncoder.Png(picture.Crop(box.X, box.Y, box.Width, box.Height));

    private async Task<ToolResult> InvokeAsync(ToolInvocation invocation, CancellationToken cancellationToken)
    {
        if (!ToolArguments.TryRead(Spec, invocation.Arguments, out var arguments, out var error))
        {
            return error!;
        }

        var (images, index) = (invocation.Images, arguments.Integer("img_idx") ?? 0);
        if (images.Count == 0)
        {
            return ToolArguments.Fault("there is no image to zoom in on");
        }

        if (index < 0 || index >= images.Count)
        {
            return ToolArguments.Fault(images.Count == 1 ? $"there is no image {index}; the only one is 0" : $"there is no image {index}; there are 0 to {images.Count - 1}");
        }

        var image = images[index];
        if (ZoomBox.Of(arguments.Numbers("bbox_2d"), image.Width, image.Height, out var box) is { } fault)
        {
            return ToolArguments.Fault(fault);
        }

        return store is null
            ? throw new ToolUnavailableException($"{Name}: no image store is registered", isTransient: false)
            : new ToolResult(Observation(images.Count)) { Images = [await ZoomAsync(store, invocation.Run, image, box, cancellationToken)] };
    }

    private async Task<ImageRef> ZoomAsync(IImageStore images, string run, ImageRef image, ZoomBox box, CancellationToken cancellationToken)
    {
        try
        {
            var picture = await _pictures.GetAsync(image, async i => await images.ReadAsync(i, CancellationToken.None), cancellationToken);
            if ((picture.Width, picture.Height) != (image.Width, image.Height))
            {
                throw new InvalidDataException($"it has {picture.Width} x {picture.Height} pixels, its reference says {image.Width} x {image.Height}");
            }

            return await images.PutAsync(run, await Task.Run(() => Crop(picture, box), cancellationToken), cancellationToken);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or KeyNotFoundException or InvalidDataException or NotSupportedException)
        {
            throw new ToolUnavailableException($"{Name}: image {image.Uri}: {e.Message}", isTransient: e is IOException, e);
        }
    }

    private sealed class Session(ZoomTool tool) : IToolSession
    {
        public Task<ToolResult> InvokeAsync(ToolInvocation invocation, CancellationToken cancellationToken) => tool.InvokeAsync(invocation, cancellationToken);

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
