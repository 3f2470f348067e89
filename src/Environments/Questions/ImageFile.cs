using System.Buffers.Binary;
using System.Globalization;

namespace Axpo.Environments.Questions;

/// <summary>
/// Checks image files before anything decodes them: size in bytes and, by the header, in pixels; checksums of PNG chunks; JPEG markers from start to end.
/// The content counts, not the name. Pixels are not decoded.
/// </summary>
internal static class ImageFile
{
    /// <summary>Most bytes of a file.</summary>
    public const long MaxBytes = 32L << 20;

    /// <summary>Most pixels of a picture.</summary>
    public const long MaxPixels = 32L << 20;

    private static readonly byte[] _png = [0x89, (byte)'P', (byte)'N', (byte)'G', 0x0D, 0x0A, 0x1A, 0x0A];
    private static readonly byte[] _jpeg = [0xFF, 0xD8, 0xFF];
    private static readonly uint[] _crc = [.. Enumerable.Range(0, 256).Select(n => Enumerable.Range(0, 8).Aggregate((uint)n, (c, _) => (c & 1) == 0 ? c >> 1 : 0xEDB88320 ^ (c >> 1)))];

    /// <summary>Checks a file.</summary>
    /// <returns>What is wrong; null if it is a picture.</returns>
    public static async ValueTask<ImageFault?> CheckAsync(string path, CancellationToken cancellationToken)
    {
        try
        {
            // Pipes and devices have length 0 too: they are never opened.
            var length = new FileInfo(path).Length;
            return length switch
            {
                0 => Corrupt("it is empty, or no plain file"),
                > MaxBytes => new(QuestionFault.ImageTooLarge, string.Create(CultureInfo.InvariantCulture, $"{length} bytes; at most {MaxBytes} are admitted")),
                _ => Check(await File.ReadAllBytesAsync(path, cancellationToken)),
            };
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return new(QuestionFault.ImageMissing, $"cannot be read: {e.Message}");
        }
    }

    /// <summary>Checks the bytes of a file.</summary>
    public static ImageFault? Check(ReadOnlySpan<byte> bytes) =>
        bytes.StartsWith(_png) ? CheckPng(bytes) : bytes.StartsWith(_jpeg) ? CheckJpeg(bytes) : Corrupt("it begins like neither PNG nor JPEG");

    private static ImageFault? CheckPng(ReadOnlySpan<byte> bytes)
    {
        var hasPixels = false;
        for (var at = _png.Length; at + 12 <= bytes.Length;)
        {
            var length = BinaryPrimitives.ReadUInt32BigEndian(bytes[at..]);
            var type = bytes.Slice(at + 4, 4);
            if (length > bytes.Length - at - 12)
            {
                return Corrupt("the PNG is cut off");
            }

            var data = bytes.Slice(at + 8, (int)length);
            if (Crc(bytes.Slice(at + 4, (int)length + 4)) != BinaryPrimitives.ReadUInt32BigEndian(bytes[(at + 8 + (int)length)..]))
            {
                return Corrupt("the checksum of a PNG chunk is wrong");
            }

            if (at == _png.Length)
            {
                if (!type.SequenceEqual("IHDR"u8) || length != 13)
                {
                    return Corrupt("the PNG has no header");
                }

                if (CheckSize(BinaryPrimitives.ReadUInt32BigEndian(data), BinaryPrimitives.ReadUInt32BigEndian(data[4..])) is { } fault)
                {
                    return fault;
                }
            }

            hasPixels |= type.SequenceEqual("IDAT"u8);
            if (type.SequenceEqual("IEND"u8))
            {
                return hasPixels ? null : Corrupt("the PNG holds no pixels");
            }

            at += 12 + (int)length;
        }

        return Corrupt("the PNG is cut off");
    }

    private static ImageFault? CheckJpeg(ReadOnlySpan<byte> bytes)
    {
        var hasSize = false;
        for (var at = 2; at + 4 <= bytes.Length;)
        {
            var (mark, code) = (bytes[at], bytes[at + 1]);
            if (mark != 0xFF)
            {
                return Corrupt("a JPEG marker is missing");
            }

            if (code == 0xFF)
            {
                at++; // Padding.
                continue;
            }

            var length = BinaryPrimitives.ReadUInt16BigEndian(bytes[(at + 2)..]);
            if (length < 2 || at + 2 + length > bytes.Length)
            {
                return Corrupt("the JPEG is cut off");
            }

            if (code is >= 0xC0 and <= 0xCF and not (0xC4 or 0xC8 or 0xCC))
            {
                if (length < 8)
                {
                    return Corrupt("the JPEG's frame header is too short");
                }

                if (CheckSize(BinaryPrimitives.ReadUInt16BigEndian(bytes[(at + 7)..]), BinaryPrimitives.ReadUInt16BigEndian(bytes[(at + 5)..])) is { } fault)
                {
                    return fault;
                }

                hasSize = true;
            }

            if (code == 0xDA)
            {
                return !hasSize ? Corrupt("the JPEG has no frame header") : bytes[(at + 2 + length)..].IndexOf((ReadOnlySpan<byte>)[0xFF, 0xD9]) < 0 ? Corrupt("the JPEG is cut off") : null;
            }

            at += 2 + length;
        }

        return Corrupt("the JPEG is cut off");
    }

    private static ImageFault? CheckSize(long width, long height) => width == 0 || height == 0
        ? Corrupt(string.Create(CultureInfo.InvariantCulture, $"it declares {width} x {height} pixels"))
        : width > MaxPixels / height
            ? new(QuestionFault.ImageTooLarge, string.Create(CultureInfo.InvariantCulture, $"{width} x {height} pixels; at most {MaxPixels} in all are admitted: scale it down"))
            : null;

    private static ImageFault Corrupt(string what) => new(QuestionFault.ImageCorrupt, what + "; a whole PNG or JPEG file is needed");

    private static uint Crc(ReadOnlySpan<byte> bytes)
    {
        var crc = uint.MaxValue;
        foreach (var b in bytes)
        {
            crc = _crc[(byte)(crc ^ b)] ^ (crc >> 8);
        }

        return ~crc;
    }
}
