using System.Text.Json.Nodes;

namespace Axpo.Training.Models.Architectures;

/// <summary>Qwen3, dense (transformers <c>modeling_qwen3.py</c>): norms of queries and keys per head before rope; biases by option.</summary>
internal sealed class Qwen3 : IArchitecture
{
    public string ModelType => "qwen3";

    public string ClassName => "Qwen3ForCausalLM";

    public DecoderConfig Read(ConfigFields fields)
    {
        fields.RefuseSlidingWindow();
        var bias = fields.Bool("attention_bias", false);
        return fields.Common() with
        {
            QkNorm = true,
            QkvBias = bias,
            OutputBias = bias,
            HeadDim = fields.Int("head_dim", 128),
            KvHeads = fields.Int("num_key_value_heads", 32),
            MaxPositions = fields.Int("max_position_embeddings", 32_768),
        };
    }

    public JsonObject Write(DecoderConfig config, JsonObject json)
    {
        json["attention_bias"] = config.QkvBias;
        json["use_sliding_window"] = false;
        return json;
    }
}
