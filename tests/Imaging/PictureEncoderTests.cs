using System.Buffers.Binary;
using Shouldly;
using Xunit;

namespace Axpo.Imaging.Tests;

public sealed class PictureEncoderTests
{
    [Theory, InlineData(1, 1), InlineData(1, 300), InlineData(300, 1), InlineData(37, 53)]
    public void Colours_come_back_to_the_pixel(int width, int height)
    {
        var picture = new Picture(width, height, Noise(3 * width * height));
        var file = PictureEncoder.Png(picture);

        var back = PictureDecoder.Decode(file);
        (back.Width, back.Height).ShouldBe((width, height));
        back.Rgb.SequenceEqual(picture.Rgb).ShouldBeTrue();
        Kind(file).ShouldBe((width, height, 8, 2), "8 bits of RGB, no alpha");
    }

    [Theory, InlineData(1, 1), InlineData(1, 300), InlineData(300, 1), InlineData(37, 53)]
    public void Grey_comes_back_to_the_pixel_and_is_one_channel(int width, int height)
    {
        var grey = Noise(width * height);
        var picture = new Picture(width, height, [.. grey.SelectMany(g => new[] { g, g, g })]);
        var file = PictureEncoder.Png(width, height, grey);

        PictureDecoder.Decode(file).Rgb.SequenceEqual(picture.Rgb).ShouldBeTrue();
        PictureEncoder.Png(picture).ShouldBe(file);
        Kind(file).ShouldBe((width, height, 8, 0), "8 bits of grey");
    }

    [Fact]
    public void One_coloured_pixel_is_enough_for_colours()
    {
        var rgb = new byte[3 * 64];
        rgb[^1] = 1;
        var file = PictureEncoder.Png(new Picture(8, 8, rgb));

        Kind(file).ColourType.ShouldBe(2);
        PictureDecoder.Decode(file).Rgb.SequenceEqual(rgb).ShouldBeTrue();
    }

    [Theory, InlineData(2, 2, 3), InlineData(0, 2, 0), InlineData(-1, -1, 1)]
    public void Sides_that_are_not_those_of_the_bytes_are_refused(int width, int height, int bytes) =>
        Should.Throw<ArgumentException>(() => PictureEncoder.Png(width, height, new byte[bytes])).Message.ShouldStartWith($"{width} x {height} pixels are not {bytes} bytes of grey");

    private static byte[] Noise(int count)
    {
        var state = 12345u;
        return [.. Enumerable.Range(0, count).Select(_ => (byte)((state = (state * 1664525) + 1013904223) >> 24))];
    }

    private static (int Width, int Height, int Bits, int ColourType) Kind(ReadOnlySpan<byte> png) =>
        (BinaryPrimitives.ReadInt32BigEndian(png[16..]), BinaryPrimitives.ReadInt32BigEndian(png[20..]), png[24], png[25]);
}
