using Axpo.Imaging;
using Shouldly;
using TorchSharp;
using Xunit;
using static TorchSharp.torch;

namespace Axpo.Training.Tests.Models.Vision;

/// <summary>From files to patches, against transformers and Pillow.</summary>
[Trait("Category", "Parity")]
[Trait("Family", "models")]
public sealed class PictureParityTests
{
    public static TheoryData<string> Folders => VisionFixture.Folders;

    [Theory]
    [MemberData(nameof(Folders))]
    public void Files_are_resized_to_the_byte(string name)
    {
        using var fixture = VisionFixture.Open(name);
        foreach (var picture in fixture.Pictures)
        {
            var resized = fixture.Processor.Resize(fixture.Picture(picture));
            Interleaved(fixture.Cases[$"image.{picture}.resized"]).ShouldBe(resized.Rgb.ToArray(), picture);
        }
    }

    [Theory]
    [MemberData(nameof(Folders))]
    public void Patches_and_grids_are_the_references(string name)
    {
        using var fixture = VisionFixture.Open(name);
        using var scope = NewDisposeScope();
        foreach (var picture in fixture.Pictures)
        {
            var resized = fixture.Cases[$"image.{picture}.resized"];
            var cut = fixture.Processor.Cut(new Picture((int)resized.shape[2], (int)resized.shape[1], Interleaved(resized)));
            var want = fixture.Cases[$"image.{picture}.pixel_values"];
            Fixtures.Difference(tensor(cut.Values).view(cut.Grid.Patches, -1), want).ShouldBeLessThan(1e-5, picture);
            var grid = ModelParityTests.Longs(fixture.Cases[$"image.{picture}.image_grid_thw"]);
            new long[] { cut.Grid.Time, cut.Grid.Height, cut.Grid.Width }.ShouldBe(grid, picture);
            fixture.Patches(picture).Grid.ShouldBe(cut.Grid, picture);
            cut.Grid.Tokens(fixture.Processor.MergeSize).ShouldBe(fixture.Json["images"]![picture]!["image_tokens"]!.GetValue<int>(), picture);
        }
    }

    /// <summary>[3, height, width] to [height, width, 3].</summary>
    private static byte[] Interleaved(Tensor planes)
    {
        // Alive until its memory is copied.
        using var interleaved = planes.permute(1, 2, 0).contiguous();
        return interleaved.bytes.ToArray();
    }
}
