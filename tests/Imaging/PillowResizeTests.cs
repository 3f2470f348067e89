using CsCheck;
using Shouldly;
using Xunit;

namespace Axpo.Imaging.Tests;

/// <summary>Laws of the resampling; Pillow's own bytes are in tests/Training/Models/Vision.</summary>
public sealed class PillowResizeTests
{
    private static readonly Gen<Picture> Pictures =
        from width in Gen.Int[1, 40]
        from height in Gen.Int[1, 40]
        from rgb in Gen.Byte.Array[3 * width * height]
        select new Picture(width, height, rgb);

    [Fact]
    public void The_same_size_is_the_same_picture() => Pictures.Sample(p => PillowResize.Bicubic(p, p.Width, p.Height).Rgb.SequenceEqual(p.Rgb));

    [Fact]
    public void One_colour_stays_that_colour() => Gen.Select(Gen.Byte, Gen.Int[1, 50], Gen.Int[1, 50], Gen.Int[1, 50], Gen.Int[1, 50]).Sample((level, width, height, toWidth, toHeight) =>
    {
        var flat = new byte[3 * width * height];
        Array.Fill(flat, level);
        var resized = PillowResize.Bicubic(new Picture(width, height, flat), toWidth, toHeight);
        return resized.Width == toWidth && resized.Height == toHeight && !resized.Rgb.ContainsAnyExcept(level);
    });

    [Fact]
    public void A_mirrored_picture_is_resized_to_the_mirrored_one() => Gen.Select(Pictures, Gen.Int[1, 50]).Sample((picture, width) =>
    {
        var there = Mirrored(PillowResize.Bicubic(picture, width, picture.Height));
        var back = PillowResize.Bicubic(Mirrored(picture), width, picture.Height);
        for (var i = 0; i < there.Rgb.Length; i++)
        {
            // Weights are rounded alike, the order of their sums is another: a level at most.
            Math.Abs(there.Rgb[i] - back.Rgb[i]).ShouldBeLessThanOrEqualTo(1);
        }
    });

    [Fact]
    public void Shrinking_looks_at_every_pixel()
    {
        // Without the widened filter the lone white column would fall between the taps.
        var rgb = new byte[3 * 64];
        rgb.AsSpan(3 * 5, 3).Fill(255);
        PillowResize.Bicubic(new Picture(64, 1, rgb), 4, 1).Rgb[0].ShouldBeGreaterThan((byte)5);
    }

    private static Picture Mirrored(Picture picture)
    {
        var rgb = new byte[picture.Rgb.Length];
        for (var i = 0; i < picture.Width * picture.Height; i++)
        {
            var (y, x) = (i / picture.Width, i % picture.Width);
            picture.Rgb.Slice(3 * i, 3).CopyTo(rgb.AsSpan(3 * ((y * picture.Width) + picture.Width - 1 - x)));
        }

        return new Picture(picture.Width, picture.Height, rgb);
    }
}
