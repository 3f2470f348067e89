using Axpo.Environments.Digits;
using Axpo.Environments.Tools.Images;

namespace Axpo.Environments.Suites.Pictures;

/// <summary>A handwritten digit on a canvas.</summary>
internal sealed class SceneDigit
{
    /// <summary>Ink from which on a pixel counts as inked, of 255.</summary>
    private const int Inked = 64;

    public SceneDigit(int digit, int index, int x, int y, int side)
    {
        (Digit, Index, Box, Alpha) = (digit, index, new ZoomBox(x, y, side, side), Scale(HandwrittenDigits.Ink(digit, index), side));
        Ink = Extent();
    }

    /// <summary>0 to 9.</summary>
    public int Digit { get; }

    /// <summary>Index among its like (<see cref="HandwrittenDigits"/>).</summary>
    public int Index { get; }

    /// <summary>Where its square lies.</summary>
    public ZoomBox Box { get; }

    /// <summary>Where its ink lies.</summary>
    public ZoomBox Ink { get; }

    /// <summary>Ink [side, side], 0 to 255.</summary>
    public byte[] Alpha { get; }

    /// <summary>Bilinear, in whole numbers: 256 parts a pixel.</summary>
    private static byte[] Scale(ReadOnlySpan<byte> ink, int side)
    {
        const int Last = HandwrittenDigits.Side - 1;
        var (from, share) = (new int[side], new int[side]);
        for (var i = 0; i < side; i++)
        {
            var at = Math.Clamp((((2 * i) + 1) * HandwrittenDigits.Side * 128 / side) - 128, 0, (Last << 8) - 1);
            (from[i], share[i]) = (at >> 8, at & 255);
        }

        var scaled = new byte[side * side];
        for (var y = 0; y < side; y++)
        {
            var above = ink.Slice(from[y] * HandwrittenDigits.Side, HandwrittenDigits.Side);
            var below = ink.Slice((from[y] + 1) * HandwrittenDigits.Side, HandwrittenDigits.Side);
            var down = share[y];
            for (var x = 0; x < side; x++)
            {
                var (i, right) = (from[x], share[x]);
                var (top, bottom) = ((above[i] * (256 - right)) + (above[i + 1] * right), (below[i] * (256 - right)) + (below[i + 1] * right));
                scaled[(y * side) + x] = (byte)(((top * (256 - down)) + (bottom * down)) >> 16);
            }
        }

        return scaled;
    }

    private ZoomBox Extent()
    {
        var side = Box.Width;
        var (left, top, right, bottom) = (side, side, 0, 0);
        for (var y = 0; y < side; y++)
        {
            var row = Alpha.AsSpan(y * side, side);
            var first = row.IndexOfAnyInRange((byte)Inked, byte.MaxValue);
            if (first >= 0)
            {
                (left, right) = (Math.Min(left, first), Math.Max(right, row.LastIndexOfAnyInRange((byte)Inked, byte.MaxValue) + 1));
                (top, bottom) = (Math.Min(top, y), y + 1);
            }
        }

        return new ZoomBox(Box.X + left, Box.Y + top, right - left, bottom - top);
    }
}
