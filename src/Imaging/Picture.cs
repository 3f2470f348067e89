namespace Axpo.Imaging;

/// <summary>A picture as models see it: 8-bit RGB, rows from the top, nothing transparent.</summary>
public sealed class Picture
{
    private readonly byte[] _rgb;

    /// <summary>Takes pixels, whose owner it becomes.</summary>
    /// <param name="width">Pixels a row, above 0.</param>
    /// <param name="height">Rows, above 0.</param>
    /// <param name="rgb">[height, width, 3].</param>
    /// <exception cref="ArgumentException">The bytes are not as many as the sides say.</exception>
    public Picture(int width, int height, byte[] rgb)
    {
        if (width <= 0 || height <= 0 || rgb.LongLength != 3L * width * height)
        {
            throw new ArgumentException($"{width} x {height} pixels are not {rgb.LongLength} bytes of RGB", nameof(rgb));
        }

        (Width, Height, _rgb) = (width, height, rgb);
    }

    /// <summary>Pixels a row.</summary>
    public int Width { get; }

    /// <summary>Rows.</summary>
    public int Height { get; }

    /// <summary>[height, width, 3].</summary>
    public ReadOnlySpan<byte> Rgb => _rgb;

    /// <summary>A row [width, 3].</summary>
    public ReadOnlySpan<byte> Row(int y) => _rgb.AsSpan(y * Width * 3, Width * 3);

    /// <summary>A part of the picture, to the pixel.</summary>
    /// <param name="x">First column.</param>
    /// <param name="y">First row.</param>
    /// <param name="width">Columns, above 0.</param>
    /// <param name="height">Rows, above 0.</param>
    /// <exception cref="ArgumentOutOfRangeException">It does not lie inside.</exception>
    public Picture Crop(int x, int y, int width, int height)
    {
        if (x < 0 || y < 0 || width <= 0 || height <= 0 || x > Width - width || y > Height - height)
        {
            throw new ArgumentOutOfRangeException(nameof(width), $"{width} x {height} pixels from ({x}, {y}) do not lie inside {Width} x {Height}");
        }

        var rgb = new byte[3 * width * height];
        for (var row = 0; row < height; row++)
        {
            Row(y + row).Slice(3 * x, 3 * width).CopyTo(rgb.AsSpan(3 * width * row));
        }

        return new Picture(width, height, rgb);
    }
}
