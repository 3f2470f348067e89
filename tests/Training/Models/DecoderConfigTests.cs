using System.Text.Json.Nodes;
using Axpo.Training.Models;
using CsCheck;
using Shouldly;
using Xunit;

namespace Axpo.Training.Tests.Models;

/// <summary>What config.json may say: everything that is computed is read, everything else is refused by name.</summary>
public sealed class DecoderConfigTests : IDisposable
{
    private const string Llama = """
        {"model_type":"llama","architectures":["LlamaForCausalLM"],"vocab_size":320,"hidden_size":64,"num_hidden_layers":3,"num_attention_heads":4,"num_key_value_heads":2,"intermediate_size":120,"hidden_act":"silu",
        "rms_norm_eps":1e-05,"rope_theta":500000.0,"rope_scaling":{"factor":8.0,"high_freq_factor":4.0,"low_freq_factor":1.0,"original_max_position_embeddings":64,"rope_type":"llama3"},"max_position_embeddings":256,
        "attention_bias":false,"attention_dropout":0.0,"mlp_bias":false,"tie_word_embeddings":false,"bos_token_id":1,"eos_token_id":[2,3,4],"torch_dtype":"float32","use_cache":true,"pretraining_tp":1,"transformers_version":"5.23.0"}
        """;

    private const string Qwen2 = """
        {"model_type":"qwen2","vocab_size":320,"hidden_size":64,"num_hidden_layers":3,"num_attention_heads":4,"num_key_value_heads":2,"intermediate_size":112,"rms_norm_eps":1e-06,"rope_theta":1000000.0,"sliding_window":8,
        "use_sliding_window":false,"max_window_layers":1,"tie_word_embeddings":true,"max_position_embeddings":256}
        """;

    private const string Qwen3 = """
        {"model_type":"qwen3","vocab_size":320,"hidden_size":64,"num_hidden_layers":2,"num_attention_heads":4,"num_key_value_heads":2,"head_dim":24,"intermediate_size":112,"rms_norm_eps":1e-06,"attention_bias":false,
        "rope_parameters":{"rope_theta":1000000.0,"rope_type":"default"},"layer_types":["full_attention","full_attention"],"sliding_window":null,"use_sliding_window":false,"tie_word_embeddings":true,"max_position_embeddings":256,"dtype":"float32"}
        """;

    private readonly string _folder = Directory.CreateTempSubdirectory("axpo-config-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Llama_has_neither_norms_of_queries_nor_biases_and_stretches_long_wavelengths()
    {
        var config = Read(JsonNode.Parse(Llama)!);
        (config.QkNorm, config.QkvBias, config.OutputBias, config.MlpBias, config.TieWordEmbeddings).ShouldBe((false, false, false, false, false));
        (config.HeadDim, config.KvHeads, config.RmsNormEps, config.RopeTheta, config.EosTokenId).ShouldBe((16, 2, 1e-5, 500_000, 2));
        config.RopeScaling.ShouldBe(new RopeScaling(8, 1, 4, 64));
    }

    [Fact]
    public void Qwen2_has_biases_of_queries_keys_and_values()
    {
        var config = Read(JsonNode.Parse(Qwen2)!);
        (config.QkNorm, config.QkvBias, config.OutputBias, config.MlpBias).ShouldBe((false, true, false, false));
        (config.HeadDim, config.MaxPositions).ShouldBe((16, 256));
    }

    [Fact]
    public void Qwen3_norms_queries_and_keys()
    {
        var config = Read(JsonNode.Parse(Qwen3)!);
        (config.QkNorm, config.QkvBias, config.OutputBias, config.HeadDim, config.RopeTheta).ShouldBe((true, false, false, 24, 1_000_000));
        config.RopeScaling.ShouldBeNull();
    }

    [Theory]
    [InlineData(Llama)]
    [InlineData(Qwen2)]
    [InlineData(Qwen3)]
    public void What_is_written_reads_back(string text)
    {
        var config = Read(JsonNode.Parse(text)!);
        Read(config.ToJson()).ShouldBe(config);
    }

    [Theory]
    [InlineData(Qwen3, "model_type", "\"gpt2\"", "supported: llama, qwen2, qwen3")]
    [InlineData(Qwen3, "hidden_act", "\"gelu\"", "silu")]
    [InlineData(Qwen3, "use_sliding_window", "true", "use_sliding_window")]
    [InlineData(Qwen2, "use_sliding_window", "true", "use_sliding_window")]
    [InlineData(Qwen3, "layer_types", "[\"full_attention\",\"sliding_attention\"]", "layer_types")]
    [InlineData(Qwen3, "rope_parameters", "{\"rope_type\":\"yarn\",\"factor\":4}", "rope_parameters.rope_type 'yarn'")]
    [InlineData(Llama, "rope_scaling", "{\"type\":\"linear\",\"factor\":2}", "rope_scaling.rope_type 'linear'")]
    [InlineData(Llama, "rope_scaling", "{\"rope_type\":\"dynamic\",\"factor\":2}", "rope_scaling.rope_type 'dynamic'")]
    [InlineData(Qwen3, "rope_parameters", "{\"full_attention\":{\"rope_type\":\"default\"}}", "rope_parameters.full_attention")]
    [InlineData(Qwen3, "rope_parameters", "{\"rope_type\":\"default\",\"partial_rotary_factor\":0.5}", "rope_parameters.partial_rotary_factor")]
    [InlineData(Llama, "attention_dropout", "0.1", "attention_dropout")]
    [InlineData(Llama, "partial_rotary_factor", "0.5", "partial_rotary_factor")]
    [InlineData(Llama, "pretraining_tp", "2", "pretraining_tp")]
    [InlineData(Llama, "rope_interleaved", "true", "rope_interleaved")]
    [InlineData(Qwen3, "quantization_config", "{\"bits\":4}", "quantization_config")]
    [InlineData(Qwen3, "attn_logit_softcapping", "50.0", "attn_logit_softcapping")]
    [InlineData(Qwen3, "mlp_bias", "true", "mlp_bias")]
    public void What_would_change_the_mathematics_is_refused_by_name(string text, string field, string value, string says) =>
        Should.Throw<NotSupportedException>(() => Read(With(text, field, value))).Message.ShouldContain(says);

    [Theory]
    [InlineData("hidden_size", "\"64\"")]
    [InlineData("hidden_size", "0")]
    [InlineData("vocab_size", "null")]
    [InlineData("num_hidden_layers", "2.5")]
    [InlineData("num_key_value_heads", "3")]
    [InlineData("head_dim", "15")]
    [InlineData("rms_norm_eps", "\"small\"")]
    [InlineData("tie_word_embeddings", "1")]
    [InlineData("eos_token_id", "[\"a\"]")]
    [InlineData("rope_parameters", "[]")]
    [InlineData("rope_parameters", "{\"rope_type\":\"llama3\",\"factor\":8}")]
    public void A_field_of_the_wrong_kind_is_named(string field, string value) =>
        Should.Throw<InvalidDataException>(() => Read(With(Qwen3, field, value))).Message.ShouldContain(field);

    [Fact]
    public void Whatever_a_field_holds_it_is_read_or_refused()
    {
        string[] values = ["null", "true", "-1", "0", "1e300", "2.5", "99999999999999999999", "\"x\"", "[]", "[null]", "{}", "{\"a\":[1]}", "[[1]]"];
        string[] texts = [Llama, Qwen2, Qwen3];
        Gen.Select(Gen.Int[0, 2], Gen.Int[0, 40], Gen.Int[0, values.Length - 1]).Sample(
            (which, field, value) =>
            {
                var json = JsonNode.Parse(texts[which])!.AsObject();
                var names = json.Select(p => p.Key).ToArray();
                json[names[field % names.Length]] = JsonNode.Parse(values[value]);
                try
                {
                    Read(json);
                }
                catch (Exception e) when (e is InvalidDataException or NotSupportedException)
                {
                    e.Message.ShouldContain("config.json");
                }
            },
            iter: 2000,
            threads: 1);
    }

    [Theory]
    [InlineData("")]
    [InlineData("{")]
    [InlineData("[]")]
    [InlineData("null")]
    public void What_is_no_object_is_refused(string text)
    {
        File.WriteAllText(Path.Combine(_folder, "config.json"), text);
        Should.Throw<InvalidDataException>(() => DecoderConfig.FromFolder(_folder)).Message.ShouldContain("config.json");
    }

    private static JsonNode With(string text, string field, string value)
    {
        var json = JsonNode.Parse(text)!;
        json[field] = JsonNode.Parse(value);
        return json;
    }

    private DecoderConfig Read(JsonNode json)
    {
        File.WriteAllText(Path.Combine(_folder, "config.json"), json.ToJsonString());
        return DecoderConfig.FromFolder(_folder);
    }
}
