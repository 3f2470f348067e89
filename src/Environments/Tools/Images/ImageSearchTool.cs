using System.Globalization;
using Axpo.Imaging;

namespace Axpo.Environments.Tools.Images;

/// <summary>
/// <c>image_search(img_idx, top_k)</c>: captions of the pictures of an index that are most like an image of the episode. Held out: met in evaluation only
/// (<c>evaluation.tools=image_search</c>), by policies that never trained with it. Stateless.
/// </summary>
/// <param name="store">Where images are; null where the host has none: the tool then does not work.</param>
/// <param name="index">What is searched; null: <see cref="ImageIndex.Shipped"/>.</param>
/// <param name="cacheBytes">Bytes of decoded pixels that are kept.</param>
public sealed class ImageSearchTool(IImageStore? store, ImageIndex? index = null, long cacheBytes = ZoomTool.DefaultCacheBytes) : ITool
{
    /// <summary>Its name.</summary>
    public const string Name = "image_search";

    private const int DefaultHits = 3;
    private const int MaxHits = 5;

    private readonly EpisodePictures _pictures = new(Name, store, cacheBytes);

    /// <inheritdoc/>
    public ToolSpec Spec { get; } = new(Name, "Finds the pictures that are most like an image and returns their captions.",
    [
        new ToolParameter("img_idx", "integer", false, "Which image, 0 = the first (default)."),
        new ToolParameter("top_k", "integer", false, "How many captions, 1 to 5."),
    ]);

    /// <inheritdoc/>
    public bool IsStateful => false;

    /// <inheritdoc/>
    public bool NeedsImages => true;

    /// <inheritdoc/>
    public bool IsHeldOut => true;

    /// <inheritdoc/>
    public Task<ToolProbe> ProbeAsync(CancellationToken cancellationToken) => _pictures.ProbeAsync(
        () =>
        {
            var searched = index ?? ImageIndex.Shipped;
            searched.Nearest(PictureDecoder.Decode(PictureEncoder.Png(2, 2, [0, 255, 255, 0])), 1);
            return new ToolProbe(true, string.Create(CultureInfo.InvariantCulture, $"searches {searched.Count} pictures"));
        },
        cancellationToken);

    /// <inheritdoc/>
    public Task<IToolSession> OpenAsync(ToolSessionContext context, CancellationToken cancellationToken) => Task.FromResult<IToolSession>(new Session(this));

    private async Task<ToolResult> InvokeAsync(ToolInvocation invocation, CancellationToken cancellationToken)
    {
        if (!ToolArguments.TryRead(Spec, invocation.Arguments, out var arguments, out var error))
        {
            return error!;
        }

        var (images, at, count) = (invocation.Images, arguments.Integer("img_idx") ?? 0, arguments.Integer("top_k") ?? DefaultHits);
        if (EpisodePictures.Fault(images, at, "to search with") is { } absent)
        {
            return absent;
        }

        if (count is < 1 or > MaxHits)
        {
            return ToolArguments.Fault($"top_k must be 1 to {MaxHits}");
        }

        var hits = await _pictures.WithAsync(images[at], (_, picture) => Task.Run(() => (index ?? ImageIndex.Shipped).Nearest(picture, count), cancellationToken), cancellationToken);
        return new ToolResult(string.Join('\n', hits.Select((h, i) => string.Create(CultureInfo.InvariantCulture, $"[{i + 1}] {h.Caption} ({h.Similarity:F2})"))));
    }

    private sealed class Session(ImageSearchTool tool) : IToolSession
    {
        public Task<ToolResult> InvokeAsync(ToolInvocation invocation, CancellationToken cancellationToken) => tool.InvokeAsync(invocation, cancellationToken);

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
