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

    private readonly EpisodePictures _pictures = new(Name, store, cacheBytes);

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
    public Task<ToolProbe> ProbeAsync(CancellationToken cancellationToken) => _pictures.ProbeAsync(
        () =>
        {
            var crop = PictureDecoder.Decode(Crop(PictureDecoder.Decode(PictureEncoder.Png(2, 2, [1, 2, 3, 4])), new ZoomBox(1, 1, 1, 1)));
            return crop is { Width: 1, Height: 1 } && crop.Rgb[0] == 4
                ? new ToolProbe(true, "cuts and writes pictures")
                : new ToolProbe(false, "a pixel cut out of a picture is another one", "reinstall Axpo: its SkiaSharp is damaged");
        },
        cancellationToken);

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
        if (EpisodePictures.Fault(images, index, "to zoom in on") is { } absent)
        {
            return absent;
        }

        var image = images[index];
        if (ZoomBox.Of(arguments.Numbers("bbox_2d"), image.Width, image.Height, out var box) is { } fault)
        {
            return ToolArguments.Fault(fault);
        }

        var crop = await _pictures.WithAsync(
            image, async (store, picture) => await store.PutAsync(invocation.Run, await Task.Run(() => Crop(picture, box), cancellationToken), cancellationToken), cancellationToken);
        return new ToolResult(Observation(images.Count)) { Images = [crop] };
    }

    private sealed class Session(ZoomTool tool) : IToolSession
    {
        public Task<ToolResult> InvokeAsync(ToolInvocation invocation, CancellationToken cancellationToken) => tool.InvokeAsync(invocation, cancellationToken);

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
