using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Axpo.Training.Models;

/// <summary>Shape of a decoder, read from a Hugging Face <c>config.json</c> in either layout in the wild (<c>rope_theta</c>, or <c>rope_parameters</c> of transformers 5).</summary>
public sealed record DecoderConfig
{
    /// <summary>Architectures that this decoder computes exactly.</summary>
    public static IReadOnlyList<string> SupportedModelTypes { get; } = ["qwen3"];

    /// <summary><c>model_type</c>.</summary>
    public string ModelType { get; init; } = "qwen3";

    /// <summary>Rows of the embedding.</summary>
    public required int VocabSize { get; init; }

    /// <summary>Width of the residual stream.</summary>
    public required int HiddenSize { get; init; }

    /// <summary>Layers.</summary>
    public required int Layers { get; init; }

    /// <summary>Query heads.</summary>
    public required int Heads { get; init; }

    /// <summary>Key and value heads; divides <see cref="Heads"/>.</summary>
    public required int KvHeads { get; init; }

    /// <summary>Width of a head.</summary>
    public required int HeadDim { get; init; }

    /// <summary>Width of the SwiGLU.</summary>
    public required int IntermediateSize { get; init; }

    /// <summary>Added to the mean square in every norm.</summary>
    public double RmsNormEps { get; init; } = 1e-6;

    /// <summary>Base of the rotary frequencies.</summary>
    public double RopeTheta { get; init; } = 10_000;

    /// <summary>Whether the head is the embedding.</summary>
    public bool TieWordEmbeddings { get; init; } = true;

    /// <summary>Longest context.</summary>
    public int MaxPositions { get; init; } = 2048;

    /// <summary>Token that begins a text; null if there is none.</summary>
    public int? BosTokenId { get; init; }

    /// <summary>Token that ends a turn; null if there is none.</summary>
    public int? EosTokenId { get; init; }

    /// <summary>Number of parameters; a tied head counts once.</summary>
    public long ParameterCount
    {
        get
        {
            long attention = (long)HiddenSize * HeadDim * ((2 * Heads) + (2 * KvHeads));
            long layer = attention + (3L * HiddenSize * IntermediateSize) + (2L * HiddenSize) + (2L * HeadDim);
            return ((TieWordEmbeddings ? 1L : 2L) * VocabSize * HiddenSize) + (Layers * layer) + HiddenSize;
        }
    }

    /// <summary>Reads <c>config.json</c> of a model folder.</summary>
    /// <exception cref="FileNotFoundException">There is none.</exception>
    /// <exception cref="NotSupportedException">The architecture, or a field that would change the mathematics, is not supported; the message names it.</exception>
    /// <exception cref="InvalidDataException">A field is missing or has the wrong type.</exception>
    public static DecoderConfig FromFolder(string dir)
    {
        var path = Path.Combine(dir, "config.json");
        if (!File.Exists(path))
        {
            throw new FileNotFoundException($"model: '{dir}' holds no config.json; give a Hugging Face model folder", path);
        }

        var json = JsonNode.Parse(File.ReadAllText(path)) as JsonObject ?? throw new InvalidDataException($"{path}: not a JSON object");
        var fields = new Fields(path, json);
        var type = fields.Text("model_type");
        if (!SupportedModelTypes.Contains(type, StringComparer.Ordinal))
        {
            throw new NotSupportedException($"{path}: model_type '{type}' is not supported; supported: {string.Join(", ", SupportedModelTypes)}");
        }

        fields.Refuse("hidden_act", "silu");
        fields.Refuse("attention_bias", "false");
        fields.Refuse("mlp_bias", "false");
        fields.Refuse("use_sliding_window", "false");
        fields.RefuseUnless("layer_types", n => n is JsonArray a && a.All(x => x?.ToString() == "full_attention"), "every layer full_attention");
        fields.RefuseUnless("rope_scaling", n => n is JsonObject o && RopeType(o) == "default", "null or rope_type default");
        fields.RefuseUnless("rope_parameters", n => n is JsonObject o && RopeType(o) == "default", "rope_type default");

        var hidden = fields.Int("hidden_size");
        var heads = fields.Int("num_attention_heads");
        var rope = json["rope_parameters"] as JsonObject;
        var config = new DecoderConfig
        {
            ModelType = type,
            VocabSize = fields.Int("vocab_size"),
            HiddenSize = hidden,
            Layers = fields.Int("num_hidden_layers"),
            Heads = heads,
            KvHeads = fields.Int("num_key_value_heads", heads),
            HeadDim = fields.Int("head_dim", hidden / heads),
            IntermediateSize = fields.Int("intermediate_size"),
            RmsNormEps = fields.Double("rms_norm_eps", 1e-6),
            RopeTheta = rope?["rope_theta"] is { } theta ? theta.GetValue<double>() : fields.Double("rope_theta", 10_000),
            TieWordEmbeddings = fields.Bool("tie_word_embeddings", false),
            MaxPositions = fields.Int("max_position_embeddings", 32_768),
            BosTokenId = fields.OptionalToken("bos_token_id"),
            EosTokenId = fields.OptionalToken("eos_token_id"),
        };
        if (config.Heads % config.KvHeads != 0)
        {
            throw new InvalidDataException($"{path}: num_key_value_heads {config.KvHeads} does not divide num_attention_heads {config.Heads}");
        }

        return config;
    }

    /// <summary>The <c>config.json</c> that transformers reads.</summary>
    public string ToJson() => new JsonObject
    {
        ["architectures"] = new JsonArray("Qwen3ForCausalLM"),
        ["model_type"] = ModelType,
        ["vocab_size"] = VocabSize,
        ["hidden_size"] = HiddenSize,
        ["num_hidden_layers"] = Layers,
        ["num_attention_heads"] = Heads,
        ["num_key_value_heads"] = KvHeads,
        ["head_dim"] = HeadDim,
        ["intermediate_size"] = IntermediateSize,
        ["hidden_act"] = "silu",
        ["rms_norm_eps"] = RmsNormEps,
        ["rope_theta"] = RopeTheta,
        ["rope_scaling"] = null,
        ["tie_word_embeddings"] = TieWordEmbeddings,
        ["max_position_embeddings"] = MaxPositions,
        ["attention_bias"] = false,
        ["attention_dropout"] = 0.0,
        ["use_sliding_window"] = false,
        ["bos_token_id"] = BosTokenId,
        ["eos_token_id"] = EosTokenId,
        ["torch_dtype"] = "float32",
        ["use_cache"] = true,
    }.ToJsonString(new JsonSerializerOptions { WriteIndented = true });

    private static string RopeType(JsonObject rope) => (rope["rope_type"] ?? rope["type"])?.ToString() ?? "default";

    private sealed class Fields(string path, JsonObject json)
    {
        public string Text(string name) => json[name] is JsonValue v && v.TryGetValue<string>(out var text) ? text : throw Missing(name, "a string");

        public int Int(string name) => json[name] is JsonValue v && v.TryGetValue<int>(out var number) ? number : throw Missing(name, "an integer");

        public int Int(string name, int otherwise) => json[name] is null ? otherwise : Int(name);

        public double Double(string name, double otherwise) => json[name] switch
        {
            null => otherwise,
            JsonValue v when v.TryGetValue<double>(out var number) => number,
            _ => throw Missing(name, "a number"),
        };

        public bool Bool(string name, bool otherwise) => json[name] switch
        {
            null => otherwise,
            JsonValue v when v.TryGetValue<bool>(out var flag) => flag,
            _ => throw Missing(name, "true or false"),
        };

        public int? OptionalToken(string name) => json[name] switch
        {
            JsonValue v when v.TryGetValue<int>(out var id) => id,
            JsonArray { Count: > 0 } a => a[0]!.GetValue<int>(),
            _ => null,
        };

        public void Refuse(string name, string unless) =>
            RefuseUnless(name, n => string.Equals(n?.ToString(), unless, StringComparison.OrdinalIgnoreCase), unless);

        public void RefuseUnless(string name, Func<JsonNode?, bool> accept, string supported)
        {
            if (json[name] is { } node && !accept(node))
            {
                throw new NotSupportedException(string.Create(CultureInfo.InvariantCulture, $"{path}: {name} = {node.ToJsonString()} is not supported; supported: {supported}"));
            }
        }

        private InvalidDataException Missing(string name, string kind) => new($"{path}: {name} should be {kind}, is {json[name]?.ToJsonString() ?? "missing"}");
    }
}
