using Shouldly;
using SkiaSharp;
using Xunit;

namespace Axpo.Imaging.Tests;

/// <summary>The eight ways to hold a camera, on a picture of 3 x 2 pixels that holds 0..5.</summary>
public sealed class OrientationTests
{
    [Theory]
    [InlineData(SKEncodedOrigin.TopLeft, 3, "012345")]
    [InlineData(SKEncodedOrigin.TopRight, 3, "210543")]
    [InlineData(SKEncodedOrigin.BottomRight, 3, "543210")]
    [InlineData(SKEncodedOrigin.BottomLeft, 3, "345012")]
    [InlineData(SKEncodedOrigin.LeftTop, 2, "031425")]
    [InlineData(SKEncodedOrigin.RightTop, 2, "304152")]
    [InlineData(SKEncodedOrigin.RightBottom, 2, "524130")]
    [InlineData(SKEncodedOrigin.LeftBottom, 2, "251403")]
    public void A_picture_is_turned_upright(SKEncodedOrigin origin, int width, string pixels)
    {
        var picture = Orientation.Upright(new Picture(3, 2, [.. Enumerable.Range(0, 18).Select(i => (byte)(i / 3))]), origin);
        picture.Width.ShouldBe(width);
        picture.Rgb.ToArray().Where((_, i) => i % 3 == 2).Select(v => (int)v).ShouldBe(pixels.Select(c => c - '0'));
    }
}
