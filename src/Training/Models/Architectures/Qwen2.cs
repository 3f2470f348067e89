using System.Text.Json.Nodes;

namespace Axpo.Training.Models.Architectures;

/// <summary>Qwen2 and Qwen2.5 (transformers <c>modeling_qwen2.py</c>): queries, keys and values always have a bias, the output projection never.</summary>
internal sealed class Qwen2 : IArchitecture
{
    public string ModelType => "qwen2";

    public string ClassName => "Qwen2ForCausalLM";

    public DecoderConfig Read(ConfigFields fields)
    {
        fields.RefuseSlidingWindow();
        return fields.Common() with
        {
            QkNorm = false,
            QkvBias = true,
            HeadDim = fields.Int("head_dim", fields.HeadWidth),
            KvHeads = fields.Int("num_key_value_heads", 32),
            MaxPositions = fields.Int("max_position_embeddings", 32_768),
        };
    }

    public JsonObject Write(DecoderConfig config, JsonObject json)
    {
        json["use_sliding_window"] = false;
        return json;
    }
}
