using SkiaSharp;

namespace Axpo.Imaging;

/// <summary>Pictures to PNG files, as fast as zlib allows rather than as small. What was decoded of such a file is the picture to the pixel.</summary>
public static class PictureEncoder
{
    // One filter, the cheapest level: trying all takes several times as long and saves little.
    private static readonly SKPngEncoderOptions _options = new(SKPngEncoderFilterFlags.Up, 1);

    /// <summary>Encodes a picture; one without colours has one channel in the file.</summary>
    public static byte[] Png(Picture picture)
    {
        var rgb = picture.Rgb;
        var grey = new byte[picture.Width * picture.Height];
        for (int i = 0, at = 0; i < grey.Length; i++, at += 3)
        {
            if (rgb[at] != rgb[at + 1] || rgb[at] != rgb[at + 2])
            {
                return Colours(picture);
            }

            grey[i] = rgb[at];
        }

        return Png(picture.Width, picture.Height, grey);
    }

    /// <summary>Encodes grey pixels.</summary>
    /// <param name="width">Pixels a row, above 0.</param>
    /// <param name="height">Rows, above 0.</param>
    /// <param name="grey">[height, width].</param>
    /// <exception cref="ArgumentException">The bytes are not as many as the sides say.</exception>
    public static byte[] Png(int width, int height, ReadOnlySpan<byte> grey) => width > 0 && height > 0 && grey.Length == (long)width * height
        ? Encode(new SKImageInfo(width, height, SKColorType.Gray8, SKAlphaType.Opaque), grey)
        : throw new ArgumentException($"{width} x {height} pixels are not {grey.Length} bytes of grey", nameof(grey));

    private static byte[] Colours(Picture picture)
    {
        var rgb = picture.Rgb;
        var rgbx = new byte[4L * picture.Width * picture.Height];
        for (int from = 0, to = 0; from < rgb.Length; from += 3, to += 4)
        {
            rgb.Slice(from, 3).CopyTo(rgbx.AsSpan(to));
            rgbx[to + 3] = byte.MaxValue;
        }

        return Encode(new SKImageInfo(picture.Width, picture.Height, SKColorType.Rgb888x, SKAlphaType.Opaque), rgbx);
    }

    private static unsafe byte[] Encode(SKImageInfo info, ReadOnlySpan<byte> pixels)
    {
        fixed (byte* at = pixels)
        {
            using var pixmap = new SKPixmap(info, (IntPtr)at);
            using var file = pixmap.Encode(_options) ?? throw new InvalidOperationException($"{info.Width} x {info.Height} pixels cannot be written as PNG");
            return file.ToArray();
        }
    }
}
