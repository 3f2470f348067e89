using System.Text.Json.Nodes;

namespace Axpo.Training.Models.Architectures;

/// <summary>The architectures by <c>model_type</c>, and the way from <c>config.json</c> to a shape and back.</summary>
internal static class KnownArchitectures
{
    private static readonly IArchitecture[] All = [new Llama(), new Qwen2(), new Qwen3(), new Qwen3Vl()];

    /// <summary>Every <c>model_type</c> that is computed exactly.</summary>
    public static IReadOnlyList<string> ModelTypes { get; } = [.. All.Select(a => a.ModelType)];

    /// <summary>Reads <c>config.json</c> of a decoder.</summary>
    /// <param name="path">Name of the file, for messages.</param>
    /// <param name="json">Its content.</param>
    /// <exception cref="NotSupportedException">The architecture, or a field that would change the mathematics, is not supported; the message names it.</exception>
    /// <exception cref="InvalidDataException">A field is missing or has the wrong type.</exception>
    public static DecoderConfig Read(string path, JsonObject json)
    {
        var fields = new ConfigFields(path, json);
        var type = fields.Text("model_type");
        var architecture = Array.Find(All, a => a.ModelType == type)
            ?? throw new NotSupportedException($"{path}: model_type '{type}' is not supported; supported: {string.Join(", ", ModelTypes)}");
        var config = architecture.Read(fields);
        fields.RefuseUnknown();
        return config;
    }

    /// <summary>The <c>config.json</c> that transformers reads.</summary>
    public static JsonObject Write(DecoderConfig config)
    {
        var architecture = Array.Find(All, a => a.ModelType == config.ModelType) ?? throw new NotSupportedException($"model_type '{config.ModelType}' is not supported; supported: {string.Join(", ", ModelTypes)}");
        var json = new JsonObject
        {
            ["architectures"] = new JsonArray(architecture.ClassName),
            ["model_type"] = config.ModelType,
            ["vocab_size"] = config.VocabSize,
            ["hidden_size"] = config.HiddenSize,
            ["num_hidden_layers"] = config.Layers,
            ["num_attention_heads"] = config.Heads,
            ["num_key_value_heads"] = config.KvHeads,
            ["head_dim"] = config.HeadDim,
            ["intermediate_size"] = config.IntermediateSize,
            ["hidden_act"] = "silu",
            ["rms_norm_eps"] = config.RmsNormEps,
            ["rope_theta"] = config.RopeTheta,
            ["rope_scaling"] = config.RopeScaling?.ToJson(),
            ["tie_word_embeddings"] = config.TieWordEmbeddings,
            ["max_position_embeddings"] = config.MaxPositions,
            ["attention_dropout"] = 0.0,
            ["bos_token_id"] = config.BosTokenId,
            ["eos_token_id"] = config.EosTokenId,
            ["torch_dtype"] = "float32",
            ["use_cache"] = true,
        };
        return architecture.Write(config, json);
    }
}
