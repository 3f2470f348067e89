using System.Text.Json;
using Axpo.Environments.Tools.Images;

namespace Axpo.Silo.Reports;

/// <summary>Where a call of <c>image_zoom_in</c> looked; sides count 0 to 1000 relative to the image, what lies outside is cut off.</summary>
/// <param name="Image">Index of the image among those that the episode had seen.</param>
/// <param name="X0">Left edge.</param>
/// <param name="Y0">Upper edge.</param>
/// <param name="X1">Right edge.</param>
/// <param name="Y1">Lower edge.</param>
public sealed record ZoomFrame(int Image, double X0, double Y0, double X1, double Y1)
{
    /// <summary>What the sides of an image count.</summary>
    public const double Scale = 1000;

    /// <summary>Reads the box of a call; null where the call is another one, or its box or image cannot be told.</summary>
    /// <param name="call">The call. Untrusted.</param>
    /// <param name="images">Images that the episode had seen.</param>
    public static ZoomFrame? Of(ToolCall call, int images)
    {
        ArgumentNullException.ThrowIfNull(call);
        if (call.Name != ZoomTool.Name)
        {
            return null;
        }

        try
        {
            using var json = JsonDocument.Parse(call.Arguments);
            var index = 0;
            return json.RootElement.ValueKind == JsonValueKind.Object
                && (!json.RootElement.TryGetProperty("img_idx", out var given) || (given.ValueKind == JsonValueKind.Number && given.TryGetInt32(out index)))
                && index >= 0 && index < images && json.RootElement.TryGetProperty("bbox_2d", out var box) ? Of(index, box) : null;
        }
        catch (Exception e) when (e is JsonException or ArgumentException or InvalidOperationException)
        {
            return null;
        }
    }

    private static ZoomFrame? Of(int image, JsonElement box)
    {
        if (box.ValueKind != JsonValueKind.Array || box.GetArrayLength() != 4 || box.EnumerateArray().Any(v => v.ValueKind != JsonValueKind.Number))
        {
            return null;
        }

        double[] edges = [.. box.EnumerateArray().Select(v => v.TryGetDouble(out var edge) ? Math.Clamp(edge, 0, Scale) : double.NaN)];
        return edges[0] < edges[2] && edges[1] < edges[3] ? new ZoomFrame(image, edges[0], edges[1], edges[2], edges[3]) : null;
    }
}
