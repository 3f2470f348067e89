using System.Runtime.Intrinsics;

namespace Axpo.Imaging;

/// <summary>Pictures that were decoded as one channel: a large canvas takes less time and memory so than by way of four.</summary>
internal static class Grey8
{
    private static readonly Vector128<byte> _first = Vector128.Create((byte)0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4, 5);
    private static readonly Vector128<byte> _second = Vector128.Create((byte)5, 5, 6, 6, 6, 7, 7, 7, 8, 8, 8, 9, 9, 9, 10, 10);
    private static readonly Vector128<byte> _third = Vector128.Create((byte)10, 11, 11, 11, 12, 12, 12, 13, 13, 13, 14, 14, 14, 15, 15, 15);

    /// <summary>Each three times.</summary>
    /// <param name="grey">[pixels].</param>
    /// <returns>[pixels, 3].</returns>
    public static byte[] Rgb(ReadOnlySpan<byte> grey)
    {
        var rgb = new byte[checked(3 * grey.Length)];
        var i = 0;
        for (; i <= grey.Length - Vector128<byte>.Count; i += Vector128<byte>.Count)
        {
            var levels = Vector128.Create(grey[i..]);
            var to = rgb.AsSpan(3 * i);
            Vector128.Shuffle(levels, _first).CopyTo(to);
            Vector128.Shuffle(levels, _second).CopyTo(to[Vector128<byte>.Count..]);
            Vector128.Shuffle(levels, _third).CopyTo(to[(2 * Vector128<byte>.Count)..]);
        }

        for (; i < grey.Length; i++)
        {
            rgb.AsSpan(3 * i, 3).Fill(grey[i]);
        }

        return rgb;
    }
}
