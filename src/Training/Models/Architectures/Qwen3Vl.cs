using System.Text.Json.Nodes;
using Axpo.Training.Models.Vision;

namespace Axpo.Training.Models.Architectures;

/// <summary>Qwen3-VL, dense (transformers <c>modeling_qwen3_vl.py</c>): the decoder is Qwen3's but for its positions.</summary>
internal sealed class Qwen3Vl : IArchitecture
{
    private static readonly int[] _defaultSections = [24, 20, 20];

    public string ModelType => "qwen3_vl";

    public string ClassName => "Qwen3VLForConditionalGeneration";

    public DecoderConfig Read(ConfigFields fields)
    {
        var text = ReadText(fields, fields.Object("text_config"), out var sections);
        var vision = ReadVision(fields.Inside("vision_config"));
        if (vision.OutputSize != text.HiddenSize)
        {
            throw new InvalidDataException($"{fields.Path}: vision_config.out_hidden_size {vision.OutputSize} is not text_config.hidden_size {text.HiddenSize}");
        }

        if (vision.DeepstackLayers.Count > text.Layers)
        {
            throw new NotSupportedException($"{fields.Path}: vision_config.deepstack_visual_indexes names {vision.DeepstackLayers.Count} blocks, text_config has {text.Layers} layers");
        }

        return text with
        {
            Pictures = new PictureConfig
            {
                Tower = vision,
                RopeSections = sections,
                ImageToken = fields.Int("image_token_id"),
                VideoToken = fields.Int("video_token_id"),
                VisionStartToken = fields.Int("vision_start_token_id"),
                VisionEndToken = fields.Int("vision_end_token_id"),
            },
        };
    }

    public JsonObject Write(DecoderConfig config, JsonObject json)
    {
        var pictures = config.Pictures ?? throw new ArgumentException($"{ModelType}: there is no tower", nameof(config));
        var (text, tower) = (new Qwen3().Write(config, json), pictures.Tower);
        var whole = new JsonObject
        {
            ["architectures"] = Take("architectures"),
            ["model_type"] = ModelType,
            ["image_token_id"] = pictures.ImageToken,
            ["video_token_id"] = pictures.VideoToken,
            ["vision_start_token_id"] = pictures.VisionStartToken,
            ["vision_end_token_id"] = pictures.VisionEndToken,
            ["tie_word_embeddings"] = config.TieWordEmbeddings,
            ["torch_dtype"] = Take("torch_dtype"),
        };
        text["model_type"] = "qwen3_vl_text";
        text["rope_scaling"] = new JsonObject { ["rope_type"] = "default", ["mrope_interleaved"] = true, ["mrope_section"] = new JsonArray([.. pictures.RopeSections.Select(s => (JsonNode)s)]) };
        text.Remove("use_sliding_window");
        whole["text_config"] = text;
        whole["vision_config"] = new JsonObject
        {
            ["model_type"] = ModelType,
            ["depth"] = tower.Layers,
            ["hidden_size"] = tower.HiddenSize,
            ["intermediate_size"] = tower.IntermediateSize,
            ["num_heads"] = tower.Heads,
            ["hidden_act"] = "gelu_pytorch_tanh",
            ["patch_size"] = tower.PatchSize,
            ["temporal_patch_size"] = tower.TemporalPatchSize,
            ["in_channels"] = tower.Channels,
            ["spatial_merge_size"] = tower.MergeSize,
            ["out_hidden_size"] = tower.OutputSize,
            ["num_position_embeddings"] = tower.PositionSide * tower.PositionSide,
            ["deepstack_visual_indexes"] = new JsonArray([.. tower.DeepstackLayers.Select(i => (JsonNode)i)]),
        };
        return whole;

        JsonNode? Take(string field)
        {
            text.Remove(field, out var value);
            return value;
        }
    }

    private static DecoderConfig ReadText(ConfigFields outer, JsonObject json, out int[] sections)
    {
        var text = (JsonObject)json.DeepClone();
        sections = TakeSections(outer.Path, text);
        var fields = new ConfigFields($"{outer.Path}: text_config", text);
        fields.Require("model_type", "qwen3_vl_text", n => n.ToString() == "qwen3_vl_text");
        var inner = fields.Bool("tie_word_embeddings", outer.Bool("tie_word_embeddings", false));
        var tied = outer.Bool("tie_word_embeddings", inner);
        if (tied != inner)
        {
            throw new NotSupportedException($"{outer.Path}: tie_word_embeddings is {tied}, text_config.tie_word_embeddings {inner}; which one counts depends on the version of transformers");
        }

        var config = new Qwen3().Read(fields) with { ModelType = "qwen3_vl", MaxPositions = fields.Int("max_position_embeddings", 128_000), TieWordEmbeddings = tied };
        fields.RefuseUnknown();
        config.Check(outer.Path);
        return config;
    }

    /// <summary>Takes the sections out of the rope's fields, which are then those of text.</summary>
    private static int[] TakeSections(string path, JsonObject text)
    {
        var sections = _defaultSections;
        foreach (var name in new[] { "rope_parameters", "rope_scaling" })
        {
            if (text[name] is not JsonObject rope)
            {
                continue;
            }

            if (rope["mrope_interleaved"] is { } interleaved && interleaved.ToJsonString() != "true")
            {
                throw new NotSupportedException($"{path}: text_config.{name}.mrope_interleaved = {interleaved.ToJsonString()} is not supported; supported: true");
            }

            if (rope["mrope_section"] is { } node)
            {
                sections = node is JsonArray { Count: 3 } a && a.All(x => x is JsonValue v && v.TryGetValue<int>(out var count) && count is >= 0 and < 1 << 20)
                    ? [.. a.Select(x => x!.GetValue<int>())]
                    : throw new InvalidDataException($"{path}: text_config.{name}.mrope_section should be three whole numbers, is {node.ToJsonString()}");
            }

            rope.Remove("mrope_interleaved");
            rope.Remove("mrope_section");
        }

        return sections;
    }

    private static VisionConfig ReadVision(ConfigFields fields)
    {
        fields.Require("model_type", "qwen3_vl_vision", n => n.ToString() is "qwen3_vl_vision" or "qwen3_vl");
        fields.Require("hidden_act", "gelu_pytorch_tanh", n => n.ToString() == "gelu_pytorch_tanh");
        var positions = fields.Int("num_position_embeddings");
        var side = (int)Math.Round(Math.Sqrt(positions));
        var config = new VisionConfig
        {
            Layers = fields.Int("depth"),
            HiddenSize = fields.Int("hidden_size"),
            IntermediateSize = fields.Int("intermediate_size"),
            Heads = fields.Int("num_heads"),
            PatchSize = fields.Int("patch_size"),
            TemporalPatchSize = fields.Int("temporal_patch_size"),
            Channels = fields.Int("in_channels", 3),
            MergeSize = fields.Int("spatial_merge_size"),
            OutputSize = fields.Int("out_hidden_size"),
            PositionSide = side,
            DeepstackLayers = fields.Ints("deepstack_visual_indexes"),
            RopeTheta = ReadRope(fields),
        };
        fields.RefuseUnknown();
        if (config.HiddenSize % config.Heads != 0 || config.HeadDim % 4 != 0)
        {
            throw new InvalidDataException($"{fields.Path}: hidden_size {config.HiddenSize} over num_heads {config.Heads} should be a multiple of 4; rope turns quarters of a head");
        }

        if (config.Channels != 3)
        {
            throw new NotSupportedException($"{fields.Path}: in_channels = {config.Channels} is not supported; supported: 3");
        }

        if ((long)side * side != positions)
        {
            throw new InvalidDataException($"{fields.Path}: num_position_embeddings {positions} is no square");
        }

        return config.DeepstackLayers.Distinct().Count() == config.DeepstackLayers.Count && config.DeepstackLayers.All(i => i < config.Layers)
            ? config
            : throw new InvalidDataException($"{fields.Path}: deepstack_visual_indexes [{string.Join(", ", config.DeepstackLayers)}] should be different blocks below depth {config.Layers}");
    }

    /// <summary>The base of the frequencies, which transformers 5 writes down.</summary>
    private static double ReadRope(ConfigFields fields)
    {
        if (!fields.Has("rope_parameters"))
        {
            return 10_000;
        }

        var rope = fields.Inside("rope_parameters");
        rope.Require("rope_type", "axial", n => n.ToString() is "axial" or "default");
        var theta = rope.Number("rope_theta", 10_000);
        rope.RefuseUnknown();
        return theta;
    }
}
