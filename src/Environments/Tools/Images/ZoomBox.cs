using System.Globalization;
using Axpo.Imaging;

namespace Axpo.Environments.Tools.Images;

/// <summary>A part of a picture in pixels.</summary>
/// <param name="X">First column.</param>
/// <param name="Y">First row.</param>
/// <param name="Width">Columns.</param>
/// <param name="Height">Rows.</param>
internal readonly record struct ZoomBox(int X, int Y, int Width, int Height)
{
    /// <summary>What the sides of an image count in <c>bbox_2d</c>.</summary>
    public const int Scale = 1000;

    /// <summary>
    /// The pixels that a box touches: lower edges rounded down, upper ones up, at least one pixel; what lies outside the image is cut off. A part that models take for too thin is refused: they could not be shown it.
    /// </summary>
    /// <param name="box">[x0, y0, x1, y1], 0 to 1000 relative to the image; finite.</param>
    /// <param name="width">Pixels a row of the image.</param>
    /// <param name="height">Rows of the image.</param>
    /// <param name="pixels">The pixels.</param>
    /// <returns>What is wrong with the box; null if nothing.</returns>
    public static string? Of(ReadOnlySpan<double> box, int width, int height, out ZoomBox pixels)
    {
        pixels = default;
        if (box.Length != 4)
        {
            return $"bbox_2d must be 4 numbers, [x0, y0, x1, y1]; it has {box.Length}";
        }

        if (box[2] <= box[0] || box[3] <= box[1])
        {
            return string.Create(CultureInfo.InvariantCulture, $"bbox_2d [{box[0]}, {box[1]}, {box[2]}, {box[3]}] is empty; it must be [x0, y0, x1, y1] with x0 < x1 and y0 < y1");
        }

        if (box[0] >= Scale || box[1] >= Scale || box[2] <= 0 || box[3] <= 0)
        {
            return string.Create(CultureInfo.InvariantCulture, $"bbox_2d [{box[0]}, {box[1]}, {box[2]}, {box[3]}] lies outside the image, whose corners are [0, 0, {Scale}, {Scale}]");
        }

        var (x, right) = Edges(box[0], box[2], width);
        var (y, bottom) = Edges(box[1], box[3], height);
        pixels = new ZoomBox(x, y, right - x, bottom - y);
        return Math.Max(pixels.Width, pixels.Height) > SmartResize.LargestRatio * Math.Min(pixels.Width, pixels.Height)
            ? string.Create(CultureInfo.InvariantCulture, $"bbox_2d [{box[0]}, {box[1]}, {box[2]}, {box[3]}] is too thin: {pixels.Width} x {pixels.Height} pixels; one side may be {SmartResize.LargestRatio} times the other at most")
            : null;
    }

    private static (int From, int End) Edges(double from, double end, int side)
    {
        // Multiplied first: a multiple of 1000 / side is an edge between pixels exactly.
        var first = Math.Min((int)Math.Floor(Math.Max(from, 0) * side / Scale), side - 1);
        return (first, Math.Max((int)Math.Ceiling(Math.Min(end, Scale) * side / Scale), first + 1));
    }
}
