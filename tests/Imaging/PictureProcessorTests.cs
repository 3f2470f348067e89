using System.Text.Json.Nodes;
using CsCheck;
using Shouldly;
using Xunit;

namespace Axpo.Imaging.Tests;

/// <summary>What preprocessor_config.json may say, and the order of what is cut.</summary>
public sealed class PictureProcessorTests
{
    private const string Plain = """
        {"image_processor_type":"Qwen2VLImageProcessorFast","size":{"longest_edge":16384,"shortest_edge":4096},"patch_size":4,"temporal_patch_size":2,"merge_size":2,"image_mean":[0.5,0.25,0.125],"image_std":[0.5,0.25,0.75],
        "resample":3,"rescale_factor":0.00392156862745098,"do_resize":true,"do_rescale":true,"do_normalize":true,"do_convert_rgb":true,"processor_class":"Qwen3VLProcessor","crop_size":null}
        """;

    [Fact]
    public void Every_number_of_every_patch_is_where_the_reference_has_it() =>
        Gen.Select(Gen.Int[1, 4], Gen.Int[1, 3], Gen.Int[1, 3], Gen.Int[1, 3], Gen.Int[1, 3]).Sample((patch, frames, merge, blockRows, blockColumns) =>
        {
            var processor = Read(Plain) with { PatchSize = patch, TemporalPatchSize = frames, MergeSize = merge };
            var (width, height) = (patch * merge * blockColumns, patch * merge * blockRows);
            var picture = new Picture(width, height, [.. Enumerable.Range(0, 3 * width * height).Select(i => (byte)(i * 31))]);
            var cut = processor.Cut(picture);
            cut.Grid.ShouldBe(new PatchGrid(1, height / patch, width / patch));
            var want = new List<float>();
            // (rows of blocks, columns of blocks, merge, merge, channel, frame, row, column), as the reference transposes.
            for (var i = 0; i < blockRows * blockColumns * merge * merge * 3 * frames * patch * patch; i++)
            {
                var (rest, x) = (i / patch, i % patch);
                (rest, var y) = (rest / patch, rest % patch);
                rest /= frames;
                (rest, var channel) = (rest / 3, rest % 3);
                (rest, var innerColumn) = (rest / merge, rest % merge);
                (rest, var innerRow) = (rest / merge, rest % merge);
                var (blockRow, blockColumn) = (rest / blockColumns, rest % blockColumns);
                var level = picture.Row((((blockRow * merge) + innerRow) * patch) + y)[(3 * ((((blockColumn * merge) + innerColumn) * patch) + x)) + channel];
                want.Add(((level / 255f) - (float)processor.Mean![channel]) / (float)processor.Deviation![channel]);
            }

            cut.Values.Length.ShouldBe(want.Count);
            for (var i = 0; i < want.Count; i++)
            {
                cut.Values[i].ShouldBe(want[i], 1e-6f);
            }
        });

    [Fact]
    public void What_is_off_is_left_out()
    {
        var processor = Read(With("do_rescale", "false", "do_normalize", "false", "do_resize", "false"));
        processor.Process(new Picture(8, 8, [.. Enumerable.Repeat((byte)200, 192)])).Values.ShouldAllBe(v => v == 200);
        Should.Throw<InvalidDataException>(() => processor.Process(new Picture(9, 8, new byte[216]))).Message.ShouldContain("do_resize is false");
    }

    [Fact]
    public void A_picture_that_would_become_too_many_numbers_is_refused() =>
        Should.Throw<InvalidDataException>(() => Read(With("size", "{\"shortest_edge\":2000000000,\"longest_edge\":2000000000}")).Grid(8, 8)).Message.ShouldContain("longest_edge");

    [Fact]
    public void The_older_bounds_override_size() => (Read(With("min_pixels", "1024", "max_pixels", "2048")) is { MinPixels: 1024, MaxPixels: 2048 }).ShouldBeTrue();

    [Theory]
    [InlineData("resample", "2", "resample = 2")]
    [InlineData("do_convert_rgb", "false", "do_convert_rgb")]
    [InlineData("do_center_crop", "true", "do_center_crop")]
    [InlineData("image_processor_type", "\"CLIPImageProcessor\"", "CLIPImageProcessor")]
    [InlineData("size", "{\"shortest_edge\":1,\"longest_edge\":2,\"height\":3}", "size.height")]
    [InlineData("gamma", "2.2", "gamma")]
    public void What_would_change_a_number_is_refused_by_name(string field, string value, string named) => Should.Throw<NotSupportedException>(() => Read(With(field, value))).Message.ShouldContain(named);

    [Theory]
    [InlineData("patch_size", "0")]
    [InlineData("patch_size", "100000")]
    [InlineData("merge_size", "\"2\"")]
    [InlineData("image_mean", "[0.5]")]
    [InlineData("image_std", "[0.5,0,0.5]")]
    [InlineData("rescale_factor", "-1")]
    [InlineData("size", "null")]
    [InlineData("size", "{\"shortest_edge\":0,\"longest_edge\":2}")]
    [InlineData("do_resize", "1")]
    public void Wrong_values_are_refused_by_name(string field, string value) => Should.Throw<InvalidDataException>(() => Read(With(field, value))).Message.ShouldContain(field);

    [Fact]
    public void A_folder_without_the_file_is_refused() => Should.Throw<FileNotFoundException>(() => PictureProcessorFile.Read(Path.GetTempPath() + "no-such-folder")).Message.ShouldContain("preprocessor_config.json");

    private static PictureProcessor Read(string text) => PictureProcessorFile.Parse("preprocessor_config.json", text);

    private static string With(params string[] changes)
    {
        var json = JsonNode.Parse(Plain)!.AsObject();
        for (var i = 0; i < changes.Length; i += 2)
        {
            json[changes[i]] = JsonNode.Parse(changes[i + 1]);
        }

        return json.ToJsonString();
    }
}
