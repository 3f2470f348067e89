using System.Buffers.Binary;
using System.Globalization;
using Axpo.Imaging;
using Axpo.Silo.Tests.Sft;
using Axpo.Training.Tokenization;
using SkiaSharp;

namespace Axpo.Silo.Tests.Storage;

/// <summary>Picture files for tests.</summary>
internal static class ImageFiles
{
    /// <summary>A PNG file of one shade.</summary>
    public static byte[] Png(int width, int height, byte shade)
    {
        var rgb = new byte[3 * width * height];
        Array.Fill(rgb, shade);
        return PictureEncoder.Png(new Picture(width, height, rgb));
    }

    /// <summary>A shaded picture of 512 x 512 pixels with a dark figure in the middle of its lower half.</summary>
    public static Picture Canvas(int seed)
    {
        var rgb = new byte[3 * 512 * 512];
        for (var at = 0; at < rgb.Length; at += 3)
        {
            var (x, y) = (at / 3 % 512, at / 3 / 512);
            var isFigure = x is > 180 and < 280 && y is > 220 and < 340 && (((x - 180) / 20) + ((y - 220) / 20) + seed) % 3 == 0;
            (rgb[at], rgb[at + 1], rgb[at + 2]) = isFigure ? ((byte)20, (byte)20, (byte)30) : ((byte)(120 + (x / 8)), (byte)(120 + (y / 8)), (byte)(160 + (seed % 64)));
        }

        return new Picture(512, 512, rgb);
    }

    /// <summary>A part of a picture.</summary>
    /// <param name="picture">The picture.</param>
    /// <param name="part">x0,y0,x1,y1 of a thousand.</param>
    public static Picture Crop(Picture picture, string part)
    {
        int[] edges = [.. part.Split(',').Select((e, i) => int.Parse(e, CultureInfo.InvariantCulture) * (i % 2 == 0 ? picture.Width : picture.Height) / 1000)];
        return new Picture(edges[2] - edges[0], edges[3] - edges[1], [.. Enumerable.Range(edges[1], edges[3] - edges[1]).SelectMany(y => picture.Row(y)[(3 * edges[0])..(3 * edges[2])].ToArray())]);
    }

    /// <summary>A model folder that holds only what a chat format needs, one that sees.</summary>
    public static void WriteSeeingChat(string folder)
    {
        Directory.CreateDirectory(folder);
        TinyTokenizerBuilder.Write(folder, ["What is 3 + 4? 7"], 0, 0, sees: true);
        File.Copy(Path.Combine(Fixture, "preprocessor_config.json"), Path.Combine(folder, "preprocessor_config.json"), overwrite: true);
    }

    /// <summary>A small model that sees, without a tokenizer.</summary>
    public static string Fixture => Path.Combine(ShippedModels.Root, "..", "tests", "fixtures", "models", "qwen3-vl");

    /// <summary>A JPEG file whose EXIF says that the camera was held sideways: as people look at it, its sides are swapped.</summary>
    public static byte[] SidewaysJpeg(int width, int height)
    {
        using var bitmap = new SKBitmap(width, height);
        using var encoded = bitmap.Encode(SKEncodedImageFormat.Jpeg, 90);
        byte[] tiff = [.. "MM\0*"u8, 0, 0, 0, 8, 0, 1, 0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, 6, 0, 0, 0, 0, 0, 0];
        byte[] exif = [.. "Exif\0\0"u8, .. tiff];
        var length = new byte[2];
        BinaryPrimitives.WriteUInt16BigEndian(length, (ushort)(exif.Length + 2));
        var jpeg = encoded.ToArray();
        return [.. jpeg[..2], 0xFF, 0xE1, .. length, .. exif, .. jpeg[2..]];
    }
}
