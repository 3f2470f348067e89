using System.Text.Json.Nodes;

namespace Axpo.Training.Models.Architectures;

/// <summary>
/// Fields of a <c>config.json</c>, in either layout in the wild (<c>rope_theta</c> and <c>rope_scaling</c>, or <c>rope_parameters</c> of transformers 5). Which were looked at is remembered: a field that nobody knows is refused,
/// for it might change the mathematics.
/// </summary>
internal sealed class ConfigFields(string path, JsonObject json)
{
    /// <summary>Fields that say nothing about the forward pass.</summary>
    private static readonly HashSet<string> _harmless = new(StringComparer.Ordinal)
    {
        "_name_or_path", "architectures", "transformers_version", "torch_dtype", "dtype", "use_cache", "initializer_range", "pad_token_id", "sep_token_id", "decoder_start_token_id", "id2label", "label2id", "problem_type",
        "task_specific_params", "tokenizer_class", "prefix", "finetuning_task", "return_dict", "output_hidden_states", "output_attentions", "torchscript", "use_bfloat16", "chunk_size_feed_forward", "transformers.js_config",
        "max_window_layers", "sliding_window", "_attn_implementation_autoset", "_attn_implementation", "attn_implementation", "unsloth_fixed", "unsloth_version", "license",
    };

    private readonly HashSet<string> _read = new(StringComparer.Ordinal);

    /// <summary>Name of the file, for messages.</summary>
    public string Path => path;

    /// <summary>hidden_size / num_attention_heads: the width of a head where no field says another.</summary>
    public int HeadWidth => Int("hidden_size") / Int("num_attention_heads");

    /// <summary>What all families share; the fields that depend on the family are still their type's.</summary>
    public DecoderConfig Common()
    {
        Require("hidden_act", "silu", n => n.ToString() == "silu");
        Require("attention_dropout", "0", n => n is JsonValue v && v.TryGetValue<double>(out var share) && share == 0);
        Require("layer_types", "every layer full_attention", n => n is JsonArray a && a.All(x => x?.ToString() == "full_attention"));
        Require("partial_rotary_factor", "1", n => n is JsonValue v && v.TryGetValue<double>(out var share) && share == 1);
        Require("is_encoder_decoder", "false", n => n.ToJsonString() == "false");
        var parameters = Read("rope_parameters");
        var scaling = RopeScaling.Read(path, "rope_parameters", parameters) ?? RopeScaling.Read(path, "rope_scaling", Read("rope_scaling"));
        var heads = Int("num_attention_heads");
        return new DecoderConfig
        {
            ModelType = Text("model_type"),
            VocabSize = Int("vocab_size"),
            HiddenSize = Int("hidden_size"),
            Layers = Int("num_hidden_layers"),
            Heads = heads,
            KvHeads = heads,
            HeadDim = HeadWidth,
            IntermediateSize = Int("intermediate_size"),
            RmsNormEps = Number("rms_norm_eps", 1e-6),
            RopeTheta = parameters?["rope_theta"] is JsonValue theta && theta.TryGetValue<double>(out var value) ? value : Number("rope_theta", 10_000),
            RopeScaling = scaling,
            TieWordEmbeddings = Bool("tie_word_embeddings", false),
            BosTokenId = Token("bos_token_id"),
            EosTokenId = Token("eos_token_id"),
        };
    }

    /// <summary>A string.</summary>
    public string Text(string name) => Read(name) is JsonValue v && v.TryGetValue<string>(out var text) ? text : throw Wrong(name, "a string");

    /// <summary>A whole number above 0.</summary>
    public int Int(string name) => Read(name) is JsonValue v && v.TryGetValue<int>(out var number) && number > 0 ? number : throw Wrong(name, "an integer above 0");

    /// <summary>A whole number above 0, or another where there is none.</summary>
    public int Int(string name, int otherwise) => Read(name) is null ? otherwise : Int(name);

    /// <summary>A flag, or another where there is none.</summary>
    public bool Bool(string name, bool otherwise) => Read(name) switch
    {
        null => otherwise,
        JsonValue v when v.TryGetValue<bool>(out var flag) => flag,
        _ => throw Wrong(name, "true or false"),
    };

    /// <summary>A number above 0, or another where there is none.</summary>
    public double Number(string name, double otherwise) => Read(name) switch
    {
        null => otherwise,
        JsonValue v when v.TryGetValue<double>(out var number) && double.IsFinite(number) && number > 0 => number,
        _ => throw Wrong(name, "a number above 0"),
    };

    /// <summary>Whether a field is there and not null.</summary>
    public bool Has(string name) => Read(name) is not null;

    /// <summary>A list of whole numbers, 0 or above.</summary>
    public int[] Ints(string name) => Read(name) is JsonArray a && a.All(x => x is JsonValue v && v.TryGetValue<int>(out var number) && number >= 0)
        ? [.. a.Select(x => x!.GetValue<int>())]
        : throw Wrong(name, "a list of whole numbers");

    /// <summary>An object.</summary>
    public JsonObject Object(string name) => Read(name) as JsonObject ?? throw Wrong(name, "an object");

    /// <summary>The fields of an object.</summary>
    public ConfigFields Inside(string name) => new($"{path}: {name}", Object(name));

    /// <summary>Refuses a window that is in use: tokens before it would not be attended to.</summary>
    public void RefuseSlidingWindow() => Require("use_sliding_window", "false", n => n.ToJsonString() == "false");

    /// <summary>Marks a field as one that changes nothing.</summary>
    public void Ignore(string name) => _read.Add(name);

    /// <summary>Refuses a field's value unless it is the one that is computed; null and none are.</summary>
    public void Require(string name, string supported, Func<JsonNode, bool> accept)
    {
        if (Read(name) is { } node && !accept(node))
        {
            throw new NotSupportedException($"{path}: {name} = {node.ToJsonString()} is not supported; supported: {supported}");
        }
    }

    /// <summary>Refuses fields that nobody has looked at.</summary>
    public void RefuseUnknown()
    {
        foreach (var (name, value) in json)
        {
            if (value is not null && !_read.Contains(name) && !_harmless.Contains(name))
            {
                throw new NotSupportedException($"{path}: {name} = {Short(value)} is not known, and might change what the model computes; if it does not, take it out of config.json");
            }
        }
    }

    private static string Short(JsonNode value) => value.ToJsonString() is { Length: > 100 } text ? text[..100] + "..." : value.ToJsonString();

    private JsonNode? Read(string name)
    {
        _read.Add(name);
        return json[name];
    }

    private int? Token(string name) => Read(name) switch
    {
        null => null,
        JsonValue v when v.TryGetValue<int>(out var id) => id,
        JsonArray { Count: > 0 } a when a.All(x => x is JsonValue v && v.TryGetValue<int>(out _)) => a[0]!.GetValue<int>(),
        _ => throw Wrong(name, "a token's id, or a list of them"),
    };

    private InvalidDataException Wrong(string name, string kind) => new($"{path}: {name} should be {kind}, is {json[name]?.ToJsonString() ?? "missing"}");
}
