using System.Globalization;
using Axpo.Imaging;

namespace Axpo.Environments.Tools.Images;

/// <summary>
/// <c>image_search(img_idx, top_k)</c>: captions of the pictures of an index that are most like an image of the episode. Meant to be met in evaluation only, by policies
/// that never trained with it, so hosts add it where they want it: <c>AddTool(p => new ImageSearchTool(p.GetService&lt;IImageStore&gt;()))</c>. Stateless.
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

    private readonly DecodedPictures _pictures = new(cacheBytes);

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
    public async Task<ToolProbe> ProbeAsync(CancellationToken cancellationToken)
    {
        if (store is null)
        {
            return new ToolProbe(false, "no image store is registered", "register an IImageStore (AddAxpo does)");
        }

        try
        {
            var searched = index ?? ImageIndex.Shipped;
            var picture = await Task.Run(() => PictureDecoder.Decode(PictureEncoder.Png(2, 2, [0, 255, 255, 0])), cancellationToken);
            searched.Nearest(picture, 1);
            return new ToolProbe(true, string.Create(CultureInfo.InvariantCulture, $"searches {searched.Count} pictures"));
        }
        catch (Exception e) when (e is TypeInitializationException or DllNotFoundException or InvalidDataException)
        {
            return new ToolProbe(false, e.Message, "SkiaSharp's native library is needed; it comes with Axpo's packages: run dotnet restore");
        }
    }

    /// <inheritdoc/>
    public Task<IToolSession> OpenAsync(ToolSessionContext context, CancellationToken cancellationToken) => Task.FromResult<IToolSession>(new Session(this));

    private async Task<ToolResult> InvokeAsync(ToolInvocation invocation, CancellationToken cancellationToken)
    {
        if (!ToolArguments.TryRead(Spec, invocation.Arguments, out var arguments, out var error))
        {
            return error!;
        }

        var (images, at, count) = (invocation.Images, arguments.Integer("img_idx") ?? 0, arguments.Integer("top_k") ?? DefaultHits);
        if (images.Count == 0)
        {
            return ToolArguments.Fault("there is no image to search with");
        }

        if (at < 0 || at >= images.Count)
        {
            return ToolArguments.Fault(images.Count == 1 ? $"there is no image {at}; the only one is 0" : $"there is no image {at}; there are 0 to {images.Count - 1}");
        }

        if (count is < 1 or > MaxHits)
        {
            return ToolArguments.Fault($"top_k must be 1 to {MaxHits}");
        }

        var hits = await SearchAsync(store ?? throw new ToolUnavailableException($"{Name}: no image store is registered", isTransient: false), images[at], count, cancellationToken);
        return new ToolResult(string.Join('\n', hits.Select((h, i) => string.Create(CultureInfo.InvariantCulture, $"[{i + 1}] {h.Caption} ({h.Similarity:F2})"))));
    }

    private async Task<IReadOnlyList<ImageHit>> SearchAsync(IImageStore images, ImageRef image, int count, CancellationToken cancellationToken)
    {
        try
        {
            var picture = await _pictures.GetAsync(image, async i => await images.ReadAsync(i, CancellationToken.None), cancellationToken);
            return await Task.Run(() => (index ?? ImageIndex.Shipped).Nearest(picture, count), cancellationToken);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or KeyNotFoundException or InvalidDataException or NotSupportedException)
        {
            throw new ToolUnavailableException($"{Name}: image {image.Uri}: {e.Message}", isTransient: e is IOException, e);
        }
    }

    private sealed class Session(ImageSearchTool tool) : IToolSession
    {
        public Task<ToolResult> InvokeAsync(ToolInvocation invocation, CancellationToken cancellationToken) => tool.InvokeAsync(invocation, cancellationToken);

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
