using System.Text.Json.Nodes;
using Axpo.Training.Models;
using Axpo.Training.Models.Vision;
using Shouldly;
using Xunit;

namespace Axpo.Training.Tests.Models.Vision;

/// <summary>What the config.json of a model with pictures may say, in both layouts.</summary>
public sealed class VisionConfigTests : IDisposable
{
    private const string Hub = """
        {"architectures":["Qwen3VLForConditionalGeneration"],"image_token_id":304,"model_type":"qwen3_vl","video_token_id":305,"vision_end_token_id":303,"vision_start_token_id":302,"tie_word_embeddings":true,"torch_dtype":"bfloat16",
        "text_config":{"attention_bias":false,"attention_dropout":0.0,"bos_token_id":1,"eos_token_id":2,"head_dim":24,"hidden_act":"silu","hidden_size":64,"intermediate_size":112,"max_position_embeddings":512,"model_type":"qwen3_vl_text",
        "num_attention_heads":4,"num_hidden_layers":3,"num_key_value_heads":2,"rms_norm_eps":1e-05,"rope_scaling":{"mrope_interleaved":true,"mrope_section":[6,4,2],"rope_type":"default"},"rope_theta":5000000.0,"tie_word_embeddings":true,"vocab_size":320},
        "vision_config":{"deepstack_visual_indexes":[2,0],"depth":4,"hidden_act":"gelu_pytorch_tanh","hidden_size":48,"in_channels":3,"intermediate_size":80,"model_type":"qwen3_vl","num_heads":4,"num_position_embeddings":81,
        "out_hidden_size":64,"patch_size":14,"spatial_merge_size":2,"temporal_patch_size":2}}
        """;

    private readonly string _folder = Directory.CreateTempSubdirectory("axpo-config-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void The_layout_of_hubs_is_read()
    {
        var config = Read(JsonNode.Parse(Hub)!);
        var pictures = config.Pictures!;
        (pictures.ImageToken, pictures.VideoToken, pictures.VisionStartToken, pictures.VisionEndToken).ShouldBe((304, 305, 302, 303));
        pictures.RopeSections.ShouldBe([6, 4, 2]);
        (config.HeadDim, config.QkNorm, config.RopeTheta, config.RmsNormEps, config.TieWordEmbeddings, config.MaxPositions).ShouldBe((24, true, 5e6, 1e-5, true, 512));
        (pictures.Tower.PatchSize, pictures.Tower.PositionSide, pictures.Tower.HeadDim, pictures.Tower.RopeTheta, pictures.Tower.PatchWidth).ShouldBe((14, 9, 12, 10_000, 3 * 2 * 14 * 14));
        pictures.Tower.DeepstackLayers.ShouldBe([2, 0]);
    }

    [Fact]
    public void The_layout_of_transformers_5_is_read()
    {
        var json = JsonNode.Parse(Hub)!;
        var text = json["text_config"]!.AsObject();
        text.Remove("rope_scaling");
        text.Remove("rope_theta");
        text["rope_parameters"] = JsonNode.Parse("""{"mrope_interleaved":true,"mrope_section":[4,4,4],"rope_theta":7000.0,"rope_type":"default"}""");
        text["dtype"] = "float32";
        text["layer_types"] = null;
        json["vision_config"]!["rope_parameters"] = JsonNode.Parse("""{"rope_theta":500.0,"rope_type":"axial"}""");
        json["vision_config"]!["model_type"] = "qwen3_vl_vision";
        var config = Read(json);
        config.Pictures!.RopeSections.ShouldBe([4, 4, 4]);
        (config.RopeTheta, config.Pictures!.Tower.RopeTheta).ShouldBe((7000, 500));
    }

    [Theory]
    [InlineData("text_config", "hidden_act", "\"gelu\"", "hidden_act")]
    [InlineData("text_config", "num_experts", "8", "num_experts")]
    [InlineData("text_config", "model_type", "\"qwen3_vl_moe_text\"", "model_type")]
    [InlineData("text_config", "rope_scaling", "{\"rope_type\":\"yarn\",\"factor\":2}", "yarn")]
    [InlineData("text_config", "rope_scaling", "{\"rope_type\":\"default\",\"mrope_interleaved\":false}", "mrope_interleaved")]
    [InlineData("text_config", "tie_word_embeddings", "false", "tie_word_embeddings")]
    [InlineData("vision_config", "hidden_act", "\"gelu\"", "gelu_pytorch_tanh")]
    [InlineData("vision_config", "in_channels", "4", "in_channels")]
    [InlineData("vision_config", "window_size", "112", "window_size")]
    [InlineData("vision_config", "rope_parameters", "{\"rope_type\":\"linear\"}", "rope_type")]
    [InlineData("vision_config", "deepstack_visual_indexes", "[0,1,2,3]", "deepstack_visual_indexes")]
    [InlineData("", "audio_config", "{}", "audio_config")]
    public void What_would_change_the_mathematics_is_refused_by_name(string part, string field, string value, string named) =>
        Should.Throw<NotSupportedException>(() => Read(With(part, field, value))).Message.ShouldContain(named);

    [Theory]
    [InlineData("vision_config", "num_position_embeddings", "80")]
    [InlineData("vision_config", "deepstack_visual_indexes", "[0,0]")]
    [InlineData("vision_config", "deepstack_visual_indexes", "[4]")]
    [InlineData("vision_config", "num_heads", "5")]
    [InlineData("vision_config", "out_hidden_size", "32")]
    [InlineData("vision_config", "depth", "-1")]
    [InlineData("text_config", "num_key_value_heads", "3")]
    [InlineData("text_config", "head_dim", "7")]
    [InlineData("", "image_token_id", "null")]
    [InlineData("", "vision_config", "[]")]
    public void Wrong_values_are_refused_by_name(string part, string field, string value) => Should.Throw<InvalidDataException>(() => Read(With(part, field, value))).Message.ShouldContain(field);

    [Fact]
    public void Mrope_section_of_two_numbers_is_refused() =>
        Should.Throw<InvalidDataException>(() => Read(With("text_config", "rope_scaling", "{\"mrope_section\":[1,2]}"))).Message.ShouldContain("mrope_section");

    [Fact]
    public void Names_are_those_of_the_hub_with_a_head_and_biases_where_the_config_says_so()
    {
        var tied = Decoder.Shapes(Read(JsonNode.Parse(Hub)!));
        tied["model.visual.patch_embed.proj.weight"].ShouldBe([48, 3, 2, 14, 14]);
        tied["model.visual.deepstack_merger_list.1.norm.weight"].ShouldBe([192]);
        tied["model.visual.merger.norm.weight"].ShouldBe([48]);
        tied["model.language_model.layers.2.self_attn.q_proj.weight"].ShouldBe([96, 64]);
        tied.Keys.ShouldAllBe(name => name.StartsWith("model.visual.", StringComparison.Ordinal) || name.StartsWith("model.language_model.", StringComparison.Ordinal));

        var json = With("text_config", "attention_bias", "true");
        json["tie_word_embeddings"] = false;
        json["text_config"]!["tie_word_embeddings"] = false;
        var other = Decoder.Shapes(Read(json));
        other.Keys.Except(tied.Keys).Where(name => !name.Contains(".layers.", StringComparison.Ordinal)).ShouldBe(["lm_head.weight"]);
        other["model.language_model.layers.0.self_attn.o_proj.bias"].ShouldBe([64]);
    }

    [Fact]
    public void What_is_written_is_read_again()
    {
        var config = Read(JsonNode.Parse(Hub)!);
        var again = Read(config.ToJson());
        again.IsAlike(config).ShouldBeTrue();
        (again.MaxPositions, again.EosTokenId).ShouldBe((512, 2));
        again.ToJson().ToJsonString().ShouldBe(config.ToJson().ToJsonString());
        (config with { Pictures = config.Pictures! with { RopeSections = [4, 4, 4] } }).IsAlike(config).ShouldBeFalse();
    }

    [Fact]
    public void Parameters_are_counted_with_the_tower()
    {
        var config = Read(JsonNode.Parse(Hub)!);
        config.ParameterCount.ShouldBe(Decoder.Shapes(config).Values.Sum(shape => shape.Aggregate(1L, (a, b) => a * b)));
    }

    [Fact]
    public void A_later_picture_moves_what_follows_and_nothing_before()
    {
        var positions = new TokenPositions();
        positions.Next(5).ShouldBe(5);
        positions.Add(2, 2, 3);
        positions.Add(8, 1, 4);
        Enumerable.Range(0, 14).Select(positions.At).ShouldBe(
            [(0, 0, 0), (1, 1, 1), (2, 2, 2), (2, 2, 3), (2, 2, 4), (2, 3, 2), (2, 3, 3), (2, 3, 4), (5, 5, 5), (5, 5, 6), (5, 5, 7), (5, 5, 8), (9, 9, 9), (10, 10, 10)]);
        (positions.Next(8), positions.Delta(8), positions.Next(14), positions.Delta(14)).ShouldBe((5, -3, 11, -3));
        (positions.PictureAt(1), positions.PictureAt(2), positions.PictureAt(7), positions.PictureAt(8), positions.PictureAt(12)).ShouldBe((-1, 0, 0, 1, -1));
        Should.Throw<ArgumentException>(() => positions.Add(11, 1, 1)).Message.ShouldContain("ends at 12");
        positions.Truncate(11);
        positions.At(9).ShouldBe((6, 6, 6));
    }

    private static JsonNode With(string part, string field, string value)
    {
        var json = JsonNode.Parse(Hub)!;
        (part.Length == 0 ? json : json[part]!)[field] = JsonNode.Parse(value);
        return json;
    }

    private DecoderConfig Read(JsonNode json)
    {
        File.WriteAllText(Path.Combine(_folder, "config.json"), json.ToJsonString());
        return DecoderConfig.FromFolder(_folder);
    }
}
