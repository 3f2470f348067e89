using System.Buffers.Binary;
using System.IO.Compression;

namespace Axpo.Imaging;

/// <summary>
/// PNG files with 16 bits of grey, in Pillow's way: what is above 255 is white (<c>src/libImaging/Convert.c</c>, <c>I16_RGB</c>), where other decoders take the high byte. Rows and filters are those of the PNG specification.
/// </summary>
internal static class Grey16
{
    private const int SampleBytes = 2;

    /// <summary>Reads the pixels.</summary>
    /// <param name="file">A PNG file of that kind.</param>
    /// <param name="width">As its header says.</param>
    /// <param name="height">As its header says.</param>
    /// <returns>[height, width, 3].</returns>
    /// <exception cref="NotSupportedException">Its rows are interlaced.</exception>
    /// <exception cref="InvalidDataException">It is damaged or cut off.</exception>
    public static byte[] Rgb(ReadOnlySpan<byte> file, int width, int height)
    {
        if (file.Length <= 28 || file[28] != 0)
        {
            throw new NotSupportedException("picture: an interlaced PNG file with 16 bits of grey; save it without interlacing, or with 8 bits");
        }

        var rgb = new byte[checked(3 * width * height)];
        var (row, above) = (new byte[SampleBytes * width], new byte[SampleBytes * width]);
        try
        {
            using var zlib = new ZLibStream(Data(file), CompressionMode.Decompress);
            for (var y = 0; y < height; y++)
            {
                var filter = zlib.ReadByte();
                zlib.ReadExactly(row);
                Unfilter(filter, row, above);
                for (var x = 0; x < width; x++)
                {
                    rgb.AsSpan(((y * width) + x) * 3, 3).Fill((byte)Math.Min(BinaryPrimitives.ReadUInt16BigEndian(row.AsSpan(SampleBytes * x)), byte.MaxValue));
                }

                (row, above) = (above, row);
            }

            return rgb;
        }
        catch (Exception e) when (e is EndOfStreamException or InvalidDataException)
        {
            throw new InvalidDataException($"picture: the Png file of {width} x {height} pixels is damaged or cut off ({e.Message})", e);
        }
    }

    /// <summary>The packed data, chunk by chunk.</summary>
    private static MemoryStream Data(ReadOnlySpan<byte> file)
    {
        var data = new MemoryStream();
        for (var at = 8L; at + 12 <= file.Length;)
        {
            var length = BinaryPrimitives.ReadUInt32BigEndian(file[(int)at..]);
            if (at + 12 + length > file.Length)
            {
                throw new InvalidDataException("a chunk is longer than the file");
            }

            if (file.Slice((int)at + 4, 4).SequenceEqual("IDAT"u8))
            {
                data.Write(file.Slice((int)at + 8, (int)length));
            }

            at += 12 + length;
        }

        data.Position = 0;
        return data;
    }

    /// <summary>Takes the prediction from a row's neighbours back, in place.</summary>
    private static void Unfilter(int filter, byte[] row, byte[] above)
    {
        for (var i = 0; i < row.Length; i++)
        {
            var (left, up, corner) = (i < SampleBytes ? 0 : row[i - SampleBytes], (int)above[i], i < SampleBytes ? 0 : above[i - SampleBytes]);
            row[i] += (byte)(filter switch
            {
                0 => 0,
                1 => left,
                2 => up,
                3 => (left + up) / 2,
                4 => Paeth(left, up, corner),
                _ => throw new InvalidDataException($"row filter {filter}"),
            });
        }
    }

    private static int Paeth(int left, int up, int corner)
    {
        var guess = left + up - corner;
        var (toLeft, toUp, toCorner) = (Math.Abs(guess - left), Math.Abs(guess - up), Math.Abs(guess - corner));
        return toLeft <= toUp && toLeft <= toCorner ? left : toUp <= toCorner ? up : corner;
    }
}
