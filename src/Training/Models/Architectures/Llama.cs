using System.Text.Json.Nodes;

namespace Axpo.Training.Models.Architectures;

/// <summary>Llama 2 and 3, SmolLM2 and others of that class (transformers <c>modeling_llama.py</c>): no QK-norm; biases by option, the output projection's included.</summary>
internal sealed class Llama : IArchitecture
{
    public string ModelType => "llama";

    public string ClassName => "LlamaForCausalLM";

    public DecoderConfig Read(ConfigFields fields)
    {
        fields.Require("pretraining_tp", "1", n => n.ToString() == "1");
        fields.Require("rope_interleaved", "false", n => n.ToJsonString() == "false");
        fields.Ignore("is_llama_config");
        var bias = fields.Bool("attention_bias", false);
        return fields.Common() with
        {
            QkNorm = false,
            QkvBias = bias,
            OutputBias = bias,
            MlpBias = fields.Bool("mlp_bias", false),
            HeadDim = fields.Int("head_dim", fields.HeadWidth),
            KvHeads = fields.Int("num_key_value_heads", fields.Int("num_attention_heads")),
            MaxPositions = fields.Int("max_position_embeddings", 2048),
        };
    }

    public JsonObject Write(DecoderConfig config, JsonObject json)
    {
        json["attention_bias"] = config.QkvBias;
        json["mlp_bias"] = config.MlpBias;
        json["pretraining_tp"] = 1;
        return json;
    }
}
