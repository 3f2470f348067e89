using System.Runtime.InteropServices;
using CsCheck;
using Shouldly;
using SkiaSharp;
using Xunit;

namespace Axpo.Imaging.Tests;

/// <summary>Files to pixels, to the byte; what is hostile is refused by name.</summary>
public sealed class PictureDecoderTests
{
    [Fact]
    public void Rgb_keeps_every_byte()
    {
        byte[] row = [1, 2, 3, 254, 255, 0];
        var picture = PictureDecoder.Decode(PngMaker.Make(2, 1, 8, PngMaker.Rgb, [row]));
        (picture.Width, picture.Height).ShouldBe((2, 1));
        picture.Rgb.ToArray().ShouldBe(row);
    }

    [Fact]
    public void Grey_is_three_times_the_same() =>
        PictureDecoder.Decode(PngMaker.Make(3, 1, 8, PngMaker.Grey, [[0, 7, 255]])).Rgb.ToArray().ShouldBe([0, 0, 0, 7, 7, 7, 255, 255, 255]);

    [Fact]
    public void One_bit_is_black_or_white() =>
        PictureDecoder.Decode(PngMaker.Make(3, 1, 1, PngMaker.Grey, [[0b1010_0000]])).Rgb.ToArray().ShouldBe([255, 255, 255, 0, 0, 0, 255, 255, 255]);

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(4)]
    [InlineData(8)]
    public void Grey_of_any_depth_is_what_four_channels_of_it_are(int depth)
    {
        (string, byte[])[][] chunks = [[], [("gAMA", [0, 0, 0xB1, 0x8F])], [("sBIT", [1])], [("tRNS", [0, 1])]];
        foreach (var (width, more) in new[] { 1, 15, 16, 17, 100 }.SelectMany(w => chunks.Select(c => (w, c))))
        {
            byte[][] rows = [.. Enumerable.Range(0, 3).Select(y => Enumerable.Range(0, ((width * depth) + 7) / 8).Select(x => (byte)((y * 97) + (x * 31) + (x * y))).ToArray())];
            var file = PngMaker.Make(width, 3, depth, PngMaker.Grey, rows, more);
            using var codec = SKCodec.Create(new MemoryStream(file));
            var rgba = new byte[4 * width * 3];
            var at = GCHandle.Alloc(rgba, GCHandleType.Pinned);
            codec.GetPixels(new SKImageInfo(width, 3, SKColorType.Rgba8888, SKAlphaType.Unpremul), at.AddrOfPinnedObject()).ShouldBe(SKCodecResult.Success);
            at.Free();
            PictureDecoder.Decode(file).Rgb.ToArray().ShouldBe(rgba.Chunk(4).SelectMany(p => p[..3].Select(c => Composite(c, p[3]))), $"{width} {more.Length}");
        }
    }

    [Fact]
    public void A_palette_is_looked_up() =>
        PictureDecoder.Decode(PngMaker.Make(2, 1, 8, PngMaker.Palette, [[1, 0]], ("PLTE", [10, 20, 30, 40, 50, 60]))).Rgb.ToArray().ShouldBe([40, 50, 60, 10, 20, 30]);

    [Fact]
    public void A_palettes_transparent_entry_is_white() =>
        PictureDecoder.Decode(PngMaker.Make(2, 1, 8, PngMaker.Palette, [[1, 0]], ("PLTE", [10, 20, 30, 40, 50, 60]), ("tRNS", [0]))).Rgb.ToArray().ShouldBe([40, 50, 60, 255, 255, 255]);

    [Fact]
    public void A_transparent_colour_of_RGB_is_not_looked_at() =>
        PictureDecoder.Decode(PngMaker.Make(1, 1, 8, PngMaker.Rgb, [[1, 2, 3]], ("tRNS", [0, 1, 0, 2, 0, 3]))).Rgb.ToArray().ShouldBe([1, 2, 3]);

    [Fact]
    public void Transparency_lies_over_white_to_the_byte_of_Pillow() => Gen.Select(Gen.Byte, Gen.Byte, Gen.Byte, Gen.Byte).Sample((red, green, blue, alpha) =>
    {
        var rgb = PictureDecoder.Decode(PngMaker.Make(1, 1, 8, PngMaker.Rgba, [[red, green, blue, alpha]])).Rgb.ToArray();
        rgb.ShouldBe([Composite(red, alpha), Composite(green, alpha), Composite(blue, alpha)]);
        var grey = PictureDecoder.Decode(PngMaker.Make(1, 1, 8, PngMaker.GreyAlpha, [[red, alpha]])).Rgb.ToArray();
        grey.ShouldBe([Composite(red, alpha), Composite(red, alpha), Composite(red, alpha)]);
    });

    [Fact]
    public void Jpeg_and_WebP_decode()
    {
        using var bitmap = new SKBitmap(new SKImageInfo(16, 8, SKColorType.Rgba8888, SKAlphaType.Opaque));
        bitmap.Erase(new SKColor(200, 100, 50));
        foreach (var format in new[] { SKEncodedImageFormat.Jpeg, SKEncodedImageFormat.Webp })
        {
            using var data = bitmap.Encode(format, 100);
            var picture = PictureDecoder.Decode(data.AsSpan());
            (picture.Width, picture.Height).ShouldBe((16, 8));
            Math.Abs(picture.Rgb[0] - 200).ShouldBeLessThan(8);
            Math.Abs(picture.Rgb[1] - 100).ShouldBeLessThan(8);
            Math.Abs(picture.Rgb[2] - 50).ShouldBeLessThan(8);
        }
    }

    [Fact]
    public void Sixteen_bits_keep_the_high_byte()
    {
        PictureDecoder.Decode(PngMaker.Make(1, 1, 16, PngMaker.Rgb, [[10, 255, 20, 0, 255, 128]])).Rgb.ToArray().ShouldBe([10, 20, 255]);
        PictureDecoder.Decode(PngMaker.Make(1, 1, 16, PngMaker.GreyAlpha, [[10, 255, 255, 255]])).Rgb.ToArray().ShouldBe([10, 10, 10]);
    }

    [Fact]
    public void Sixteen_bits_of_grey_are_white_above_255() => Gen.Select(Gen.Int[1, 9], Gen.Int[1, 9], Gen.Int[0, 4]).SelectMany(size =>
        Gen.OneOf(Gen.Int[0, 300], Gen.Int[0, 65_535]).Array[size.Item1 * size.Item2].Select(levels => (Width: size.Item1, Height: size.Item2, Filter: size.Item3, Levels: levels))).Sample(p =>
        {
            var rows = p.Levels.Chunk(p.Width).Select(row => row.SelectMany(level => new[] { (byte)(level >> 8), (byte)level }).ToArray());
            var picture = PictureDecoder.Decode(PngMaker.Make(p.Width, p.Height, 16, PngMaker.Grey, PngMaker.Filtered(rows, 2, p.Filter)));
            picture.Rgb.ToArray().ShouldBe(p.Levels.SelectMany(level => Enumerable.Repeat((byte)Math.Min(level, 255), 3)).ToArray());
        });

    [Fact]
    public void Sixteen_bits_of_grey_that_are_damaged_or_interlaced_are_refused()
    {
        var file = PngMaker.Make(4, 4, 16, PngMaker.Grey, Enumerable.Range(0, 3).Select(y => new byte[] { 1, 2, 3, 4, 5, 6, 7, (byte)y }));
        Should.Throw<InvalidDataException>(() => PictureDecoder.Decode(file)).Message.ShouldContain("damaged or cut off");
        Should.Throw<InvalidDataException>(() => PictureDecoder.Decode(PngMaker.Make(1, 1, 16, PngMaker.Grey, [(9, [1, 2])]))).Message.ShouldContain("row filter 9");
        Should.Throw<InvalidDataException>(() => Grey16.Rgb(file.AsSpan(0, file.Length - 20), 4, 4)).Message.ShouldContain("longer than the file");
        file[28] = 1;
        Should.Throw<NotSupportedException>(() => Grey16.Rgb(file, 4, 4)).Message.ShouldContain("interlaced");
    }

    [Fact]
    public void A_bomb_is_refused_by_its_header()
    {
        var bomb = PngMaker.Make(1_000_000, 1_000_000, 8, PngMaker.Rgb, [[1, 2, 3]]);
        var before = GC.GetAllocatedBytesForCurrentThread();
        Should.Throw<InvalidDataException>(() => PictureDecoder.Decode(bomb)).Message.ShouldContain("1000000 x 1000000");
        (GC.GetAllocatedBytesForCurrentThread() - before).ShouldBeLessThan(1 << 20);
    }

    [Fact]
    public void A_large_file_is_refused_before_it_is_looked_at() =>
        Should.Throw<InvalidDataException>(() => PictureDecoder.Decode(new byte[11], new PictureLimits { FileBytes = 10 })).Message.ShouldContain("11 bytes");

    [Fact]
    public void What_is_no_picture_is_refused()
    {
        Should.Throw<InvalidDataException>(() => PictureDecoder.Decode("<svg/>"u8)).Message.ShouldContain("neither PNG");
        Should.Throw<InvalidDataException>(() => PictureDecoder.Decode([])).Message.ShouldContain("neither PNG");
    }

    [Fact]
    public void A_file_that_is_cut_off_anywhere_is_refused()
    {
        var rows = Enumerable.Range(0, 16).Select(y => Enumerable.Range(0, 48).Select(x => (byte)((x * 37) ^ (y * 91))).ToArray());
        var file = PngMaker.Make(16, 16, 8, PngMaker.Rgb, rows);
        // The last 16 bytes are the checksum of the data and the end, the few before them the end of the packed data: the pixels may be whole without them.
        for (var length = 0; length < file.Length - 40; length += 7)
        {
            Should.Throw<InvalidDataException>(() => PictureDecoder.Decode(file.AsSpan(0, length)), $"{length} bytes");
        }
    }

    [Fact]
    public void Bytes_that_are_changed_are_refused_or_decoded_to_the_same_sides()
    {
        var rows = Enumerable.Range(0, 8).Select(y => Enumerable.Range(0, 24).Select(x => (byte)((x * 37) ^ (y * 91))).ToArray());
        var file = PngMaker.Make(8, 8, 8, PngMaker.Rgb, rows);
        Gen.Select(Gen.Int[33, file.Length - 1], Gen.Byte).Sample((at, value) =>
        {
            var changed = file.ToArray();
            changed[at] = value;
            try
            {
                var picture = PictureDecoder.Decode(changed);
                (picture.Width, picture.Height).ShouldBe((8, 8));
            }
            catch (InvalidDataException e)
            {
                e.Message.ShouldStartWith("picture: ");
            }
        });
    }

    /// <summary>Pillow's alpha_composite over opaque white, as src/libImaging/AlphaComposite.c computes it.</summary>
    private static byte Composite(int colour, int alpha)
    {
        if (alpha == 0)
        {
            return 255;
        }

        var outer = (alpha * 255) + (255 * (255 - alpha));
        var coefficient = alpha * 255 * 255 * 128 / outer;
        var sum = (colour * coefficient) + (255 * ((255 * 128) - coefficient)) + (0x80 << 7);
        return (byte)(((sum >> 8) + sum) >> 8 >> 7);
    }
}
