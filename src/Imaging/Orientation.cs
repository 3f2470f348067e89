using SkiaSharp;

namespace Axpo.Imaging;

/// <summary>Turns pictures as the camera was held (Pillow <c>ImageOps.exif_transpose</c>).</summary>
internal static class Orientation
{
    /// <summary>The picture upright.</summary>
    /// <param name="picture">As it is stored.</param>
    /// <param name="origin">Where its first pixel belongs.</param>
    public static Picture Upright(Picture picture, SKEncodedOrigin origin)
    {
        if (origin == SKEncodedOrigin.TopLeft)
        {
            return picture;
        }

        var swaps = origin is SKEncodedOrigin.LeftTop or SKEncodedOrigin.RightTop or SKEncodedOrigin.RightBottom or SKEncodedOrigin.LeftBottom;
        var (width, height) = swaps ? (picture.Height, picture.Width) : (picture.Width, picture.Height);
        var (right, bottom) = (picture.Width - 1, picture.Height - 1);
        var rgb = new byte[picture.Rgb.Length];
        for (var y = 0; y < height; y++)
        {
            for (var x = 0; x < width; x++)
            {
                var (fromX, fromY) = origin switch
                {
                    SKEncodedOrigin.TopRight => (right - x, y),
                    SKEncodedOrigin.BottomRight => (right - x, bottom - y),
                    SKEncodedOrigin.BottomLeft => (x, bottom - y),
                    SKEncodedOrigin.LeftTop => (y, x),
                    SKEncodedOrigin.RightTop => (y, bottom - x),
                    SKEncodedOrigin.RightBottom => (right - y, bottom - x),
                    SKEncodedOrigin.LeftBottom => (right - y, x),
                    _ => (x, y),
                };
                picture.Rgb.Slice(((fromY * picture.Width) + fromX) * 3, 3).CopyTo(rgb.AsSpan(((y * width) + x) * 3));
            }
        }

        return new Picture(width, height, rgb);
    }
}
