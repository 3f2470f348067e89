using Axpo.Environments.Sandbox;
using Axpo.Environments.Tools.Images;
using Axpo.Imaging;

namespace Axpo.Environments.Tools.Python;

/// <summary>Images on their way into a session, and out of it.</summary>
internal sealed class SessionImages(IImageStore? store, SandboxOptions options)
{
    /// <summary>Pictures of hostile code that are decoded at once: each takes 7 bytes a pixel.</summary>
    private static readonly SemaphoreSlim _decoding = new(2);

    private readonly PictureLimits _limits = new() { FileBytes = options.ShownMebibytes << 20, Pixels = 16L << 20 };

    /// <summary>A file of the episode.</summary>
    /// <param name="image">The image.</param>
    /// <param name="room">Bytes that the session has room for.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <returns>How its name ends, and its bytes; both empty where there is no room.</returns>
    /// <exception cref="ToolUnavailableException">It cannot be read.</exception>
    public async Task<(string End, ReadOnlyMemory<byte> File)> ReadAsync(ImageRef image, long room, CancellationToken cancellationToken)
    {
        var file = await GuardAsync(image.Uri, async images =>
        {
            var bytes = await images.ReadAsync(image, cancellationToken);
            return (End: PictureDecoder.Format(bytes.Span), Bytes: bytes);
        });
        return file.Bytes.Length <= Math.Min(room, (long)options.DiskMebibytes << 20) ? file : ("", default);
    }

    /// <summary>What a call answers: what it printed and, as new images of the episode, what it left in <c>out/</c>; a file that is no picture is an error and shows nothing.</summary>
    /// <exception cref="ToolUnavailableException">They cannot be stored.</exception>
    public async Task<ToolResult> ShowAsync(CellResult result, ToolInvocation invocation, CancellationToken cancellationToken)
    {
        var lines = result.Text.TrimEnd('\n') is { Length: > 0 } text ? [text] : new List<string>();
        foreach (var file in result.Files)
        {
            if (await FaultAsync(file, cancellationToken) is { } fault)
            {
                return new ToolResult(string.Join('\n', [.. lines, $"Error: out/{file.Name}: {fault}"]), IsError: true);
            }
        }

        var shown = new ImageRef[result.Files.Count];
        for (var i = 0; i < shown.Length; i++)
        {
            var file = result.Files[i];
            shown[i] = await GuardAsync("out/" + file.Name, async images => await images.PutAsync(invocation.Run, Bytes(file), cancellationToken));
            lines.Add(ZoomTool.Observation(invocation.Images.Count + i));
        }

        return new ToolResult(string.Join('\n', lines)) { Images = shown };
    }

    private static ReadOnlyMemory<byte> Bytes(FoundFile file) => file.Bytes.GetBuffer().AsMemory(0, (int)file.Bytes.Length);

    private async Task<string?> FaultAsync(FoundFile file, CancellationToken cancellationToken)
    {
        await _decoding.WaitAsync(cancellationToken);
        try
        {
            var picture = await Task.Run(() => PictureDecoder.Decode(Bytes(file).Span, _limits), cancellationToken);
            // No policy is shown a thinner one.
            return Math.Max(picture.Width, picture.Height) > SmartResize.LargestRatio * Math.Min(picture.Width, picture.Height)
                ? FormattableString.Invariant($"picture: {picture.Width} x {picture.Height} pixels: one side is more than {SmartResize.LargestRatio} times the other")
                : null;
        }
        catch (Exception e) when (e is InvalidDataException or NotSupportedException)
        {
            return e.Message;
        }
        finally
        {
            _decoding.Release();
        }
    }

    private async Task<T> GuardAsync<T>(string name, Func<IImageStore, Task<T>> act)
    {
        try
        {
            return await act(store ?? throw new NotSupportedException("no image store is registered"));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or KeyNotFoundException or InvalidDataException or NotSupportedException)
        {
            throw new ToolUnavailableException($"python: image {name}: {e.Message}", isTransient: e is IOException, e);
        }
    }
}
