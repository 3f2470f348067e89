using System.Buffers.Binary;
using System.IO.Compression;

namespace Axpo.Imaging.Tests;

/// <summary>Writes PNG files of any mode, sound or not.</summary>
internal static class PngMaker
{
    public const int Grey = 0;
    public const int Rgb = 2;
    public const int Palette = 3;
    public const int GreyAlpha = 4;
    public const int Rgba = 6;

    /// <summary>A file.</summary>
    /// <param name="width">As the header says.</param>
    /// <param name="height">As the header says.</param>
    /// <param name="depth">Bits a sample.</param>
    /// <param name="type">Colour type.</param>
    /// <param name="rows">Bytes of each row, unfiltered.</param>
    /// <param name="more">Chunks between header and data.</param>
    public static byte[] Make(int width, int height, int depth, int type, IEnumerable<byte[]> rows, params (string Name, byte[] Data)[] more) =>
        Make(width, height, depth, type, rows.Select(row => (0, row)), more);

    /// <summary>A file of rows that are filtered already, each with its filter.</summary>
    public static byte[] Make(int width, int height, int depth, int type, IEnumerable<(int Filter, byte[] Row)> rows, params (string Name, byte[] Data)[] more)
    {
        using var file = new MemoryStream();
        file.Write([0x89, (byte)'P', (byte)'N', (byte)'G', 0x0D, 0x0A, 0x1A, 0x0A]);
        var header = new byte[13];
        BinaryPrimitives.WriteInt32BigEndian(header, width);
        BinaryPrimitives.WriteInt32BigEndian(header.AsSpan(4), height);
        (header[8], header[9]) = ((byte)depth, (byte)type);
        Chunk(file, "IHDR", header);
        foreach (var (name, data) in more)
        {
            Chunk(file, name, data);
        }

        using var packed = new MemoryStream();
        using (var zlib = new ZLibStream(packed, CompressionLevel.Fastest, leaveOpen: true))
        {
            foreach (var (filter, row) in rows)
            {
                zlib.WriteByte((byte)filter);
                zlib.Write(row);
            }
        }

        Chunk(file, "IDAT", packed.ToArray());
        Chunk(file, "IEND", []);
        return file.ToArray();
    }

    /// <summary>Filters rows (PNG specification, chapter 9).</summary>
    /// <param name="rows">The rows.</param>
    /// <param name="step">Bytes a pixel.</param>
    /// <param name="filter">0 none, 1 left, 2 above, 3 mean, 4 Paeth.</param>
    public static IEnumerable<(int Filter, byte[] Row)> Filtered(IEnumerable<byte[]> rows, int step, int filter)
    {
        byte[]? above = null;
        foreach (var row in rows)
        {
            var filtered = new byte[row.Length];
            for (var i = 0; i < row.Length; i++)
            {
                int a = i < step ? 0 : row[i - step], b = above is null ? 0 : above[i], c = i < step || above is null ? 0 : above[i - step];
                var p = a + b - c;
                var nearest = new[] { a, b, c }.MinBy(v => Math.Abs(p - v));
                filtered[i] = (byte)(row[i] - (filter switch { 0 => 0, 1 => a, 2 => b, 3 => (a + b) / 2, _ => nearest }));
            }

            yield return (filter, filtered);
            above = row;
        }
    }

    private static void Chunk(Stream file, string name, byte[] data)
    {
        var chunk = new byte[12 + data.Length];
        BinaryPrimitives.WriteInt32BigEndian(chunk, data.Length);
        for (var i = 0; i < 4; i++)
        {
            chunk[4 + i] = (byte)name[i];
        }

        data.CopyTo(chunk, 8);
        BinaryPrimitives.WriteUInt32BigEndian(chunk.AsSpan(8 + data.Length), Crc(chunk.AsSpan(4, 4 + data.Length)));
        file.Write(chunk);
    }

    private static uint Crc(ReadOnlySpan<byte> data)
    {
        var crc = uint.MaxValue;
        foreach (var value in data)
        {
            crc ^= value;
            for (var bit = 0; bit < 8; bit++)
            {
                crc = (crc >> 1) ^ (0xEDB88320 & (0 - (crc & 1)));
            }
        }

        return ~crc;
    }
}
