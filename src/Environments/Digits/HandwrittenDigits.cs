using System.Buffers.Binary;
using System.IO.Compression;

namespace Axpo.Environments.Digits;

/// <summary>The shipped handwritten digits (<c>data/digits/</c>, its README says whence): 10,000 of 28 x 28 pixels, read when first asked for, shared by all.</summary>
public static class HandwrittenDigits
{
    /// <summary>Pixels a side.</summary>
    public const int Side = 28;

    private const int Kinds = 10;

    private static readonly Lazy<byte[]> _file = new(Read);
    private static readonly Lazy<int[]> _firsts = new(Firsts);

    /// <summary>How many there are of a digit.</summary>
    /// <param name="digit">0 to 9.</param>
    public static int Count(int digit) => _firsts.Value[digit + 1] - _firsts.Value[digit];

    /// <summary>Ink of a digit [28, 28], rows from the top: 0 = ground, 255 = ink.</summary>
    /// <param name="digit">0 to 9.</param>
    /// <param name="index">Its index among its like, as in the package that it comes from.</param>
    /// <exception cref="ArgumentOutOfRangeException">There is no such digit.</exception>
    public static ReadOnlySpan<byte> Ink(int digit, int index)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(digit);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(digit, Kinds);
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(index, Count(digit));
        return _file.Value.AsSpan((Kinds * sizeof(int)) + ((_firsts.Value[digit] + index) * Side * Side), Side * Side);
    }

    /// <summary>The split of a digit: a fixed function of its index.</summary>
    public static Split SplitOf(int index) => (index % 5) switch
    {
        4 => Split.Test,
        3 => Split.Validation,
        _ => Split.Train,
    };

    /// <summary>Draws the index of a digit in a split, each equally often.</summary>
    public static int Draw(ChanceStream chance, Split split, int digit)
    {
        while (true)
        {
            var index = chance.Next(Count(digit));
            if (SplitOf(index) == split)
            {
                return index;
            }
        }
    }

    private static byte[] Read()
    {
        using var stream = typeof(HandwrittenDigits).Assembly.GetManifestResourceStream("data/digits/digits.gz")
            ?? throw new InvalidOperationException("data/digits/digits.gz is not in the assembly");
        using var unzipped = new GZipStream(stream, CompressionMode.Decompress);
        using var bytes = new MemoryStream();
        unzipped.CopyTo(bytes);
        return bytes.ToArray();
    }

    private static int[] Firsts()
    {
        var firsts = new int[Kinds + 1];
        for (var digit = 0; digit < Kinds; digit++)
        {
            firsts[digit + 1] = firsts[digit] + BinaryPrimitives.ReadInt32LittleEndian(_file.Value.AsSpan(digit * sizeof(int)));
        }

        return firsts;
    }
}
