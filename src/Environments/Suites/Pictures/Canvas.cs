using Axpo.Environments.Digits;
using Axpo.Environments.Tools.Images;
using Axpo.Imaging;

namespace Axpo.Environments.Suites.Pictures;

/// <summary>A grey picture that is drawn on with whole numbers only: the same pixels on every machine.</summary>
internal sealed class Canvas
{
    private const int FaintestInk = 64;

    private readonly byte[] _grey;

    private Canvas(int width, int height, byte[] grey) => (Width, Height, _grey) = (width, height, grey);

    /// <summary>An empty one.</summary>
    public Canvas(int width, int height, byte ground)
        : this(width, height, new byte[width * height]) => _grey.AsSpan().Fill(ground);

    /// <summary>Pixels a row.</summary>
    public int Width { get; }

    /// <summary>Rows.</summary>
    public int Height { get; }

    /// <summary>[Height, Width].</summary>
    public ReadOnlySpan<byte> Grey => _grey;

    /// <summary>Fills a rectangle; what lies outside is left out.</summary>
    public void Fill(int x, int y, int width, int height, byte grey)
    {
        var (left, right) = (Math.Clamp(x, 0, Width), Math.Clamp(x + width, 0, Width));
        for (var row = Math.Clamp(y, 0, Height); row < Math.Clamp(y + height, 0, Height); row++)
        {
            _grey.AsSpan((row * Width) + left, right - left).Fill(grey);
        }
    }

    /// <summary>Draws the four sides of a rectangle, inside it.</summary>
    public void Frame(ZoomBox box, int thickness, byte grey)
    {
        Fill(box.X, box.Y, box.Width, thickness, grey);
        Fill(box.X, box.Y + box.Height - thickness, box.Width, thickness, grey);
        Fill(box.X, box.Y, thickness, box.Height, grey);
        Fill(box.X + box.Width - thickness, box.Y, thickness, box.Height, grey);
    }

    /// <summary>Draws a straight stroke with square ends.</summary>
    public void Stroke((int X, int Y) from, (int X, int Y) to, int thickness, byte grey)
    {
        var (dx, dy) = (to.X - from.X, to.Y - from.Y);
        var steps = Math.Max(1, Math.Max(Math.Abs(dx), Math.Abs(dy)));
        for (var i = 0; i <= steps; i++)
        {
            Fill(from.X + (dx * i / steps) - (thickness / 2), from.Y + (dy * i / steps) - (thickness / 2), thickness, thickness, grey);
        }
    }

    /// <summary>Draws a handwritten digit whose 28 x 28 pixels are scaled to a square.</summary>
    /// <param name="digit">0 to 9.</param>
    /// <param name="index">Its index among its like.</param>
    /// <param name="box">The square, inside the canvas.</param>
    /// <param name="grey">Its ink.</param>
    public void Digit(int digit, int index, ZoomBox box, byte grey)
    {
        var ink = Scale(HandwrittenDigits.Ink(digit, index), box.Width);
        for (var y = 0; y < box.Height; y++)
        {
            var row = _grey.AsSpan(((box.Y + y) * Width) + box.X, box.Width);
            for (var x = 0; x < row.Length; x++)
            {
                int from = row[x];
                row[x] = (byte)(from + ((grey - from) * ink[(y * box.Width) + x] / 255));
            }
        }
    }

    /// <summary>The part of a digit's square that has ink: at least a quarter of the darkest.</summary>
    public static ZoomBox InkBox(int digit, int index, ZoomBox box)
    {
        var (ink, side) = (Scale(HandwrittenDigits.Ink(digit, index), box.Width), box.Width);
        var (left, top, right, bottom) = (side, side, 0, 0);
        for (var i = 0; i < ink.Length; i++)
        {
            if (ink[i] >= FaintestInk)
            {
                var (x, y) = (i % side, i / side);
                (left, top, right, bottom) = (Math.Min(left, x), Math.Min(top, y), Math.Max(right, x + 1), Math.Max(bottom, y + 1));
            }
        }

        return new ZoomBox(box.X + left, box.Y + top, right - left, bottom - top);
    }

    /// <summary>A part, to the pixel.</summary>
    public Canvas Crop(ZoomBox box)
    {
        var grey = new byte[box.Width * box.Height];
        for (var y = 0; y < box.Height; y++)
        {
            _grey.AsSpan(((box.Y + y) * Width) + box.X, box.Width).CopyTo(grey.AsSpan(y * box.Width));
        }

        return new Canvas(box.Width, box.Height, grey);
    }

    /// <summary>A PNG file.</summary>
    public byte[] Png() => PictureEncoder.Png(Width, Height, _grey);

    /// <summary>Bilinear, centres of pixels on centres, nothing beyond the edge; in 256ths.</summary>
    private static byte[] Scale(ReadOnlySpan<byte> ink, int side)
    {
        const int From = HandwrittenDigits.Side;
        var wide = new int[From * side];
        var scaled = new byte[side * side];
        for (var x = 0; x < side; x++)
        {
            var (first, share) = At(x);
            for (var y = 0; y < From; y++)
            {
                var row = ink.Slice(y * From, From);
                wide[(y * side) + x] = ((first < 0 ? 0 : row[first]) * (256 - share)) + ((first + 1 < From ? row[first + 1] : 0) * share);
            }
        }

        for (var y = 0; y < side; y++)
        {
            var (first, share) = At(y);
            for (var x = 0; x < side; x++)
            {
                var (above, below) = (first < 0 ? 0 : wide[(first * side) + x], first + 1 < From ? wide[((first + 1) * side) + x] : 0);
                scaled[(y * side) + x] = (byte)(((above * (256 - share)) + (below * share)) >> 16);
            }
        }

        return scaled;

        (int First, int Share) At(int i)
        {
            var at = (((2 * i) + 1) * From * 128 / side) - 128;
            return (at >> 8, at & 255);
        }
    }
}
