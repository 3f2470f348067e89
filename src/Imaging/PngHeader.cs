using System.Buffers.Binary;

namespace Axpo.Imaging;

/// <summary>What a PNG file says of its samples (PNG specification, chunk IHDR): Pillow's mode follows from it.</summary>
/// <param name="BitDepth">Bits a sample.</param>
/// <param name="ColourType">0 grey, 2 RGB, 3 palette, 4 grey with alpha, 6 RGB with alpha.</param>
internal readonly record struct PngHeader(int BitDepth, int ColourType)
{
    private static ReadOnlySpan<byte> Signature => [0x89, (byte)'P', (byte)'N', (byte)'G', 0x0D, 0x0A, 0x1A, 0x0A];

    /// <summary>Reads it; null: no PNG file.</summary>
    public static PngHeader? Read(ReadOnlySpan<byte> file) =>
        file.Length > 26 && file.StartsWith(Signature) && BinaryPrimitives.ReadUInt32BigEndian(file[12..]) == 0x49484452 ? new PngHeader(file[24], file[25]) : null;
}
