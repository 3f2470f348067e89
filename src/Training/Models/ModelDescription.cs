using System.Text.Json;
using System.Text.Json.Nodes;

namespace Axpo.Training.Models;

/// <summary>What a model folder says beside its weights. A model that was loaded is saved with what its own folder said, word for word but for the precision of the weights; nothing that another program reads from it is lost.</summary>
internal sealed class ModelDescription
{
    private const string ConfigFile = "config.json";
    private const string GenerationFile = "generation_config.json";

    private static readonly JsonSerializerOptions _indented = new() { WriteIndented = true };

    private readonly JsonObject _config;
    private readonly string _generation;

    private ModelDescription(JsonObject config, string generation) => (_config, _generation) = (config, generation);

    /// <summary>That of a model that was made here.</summary>
    public static ModelDescription Of(DecoderConfig config)
    {
        var generation = new JsonObject { ["bos_token_id"] = config.BosTokenId, ["eos_token_id"] = config.EosTokenId, ["do_sample"] = true, ["temperature"] = 1.0 };
        return new ModelDescription(config.ToJson(), generation.ToJsonString(_indented));
    }

    /// <summary>That of a folder whose config.json was read.</summary>
    public static ModelDescription FromFolder(string folder, DecoderConfig config)
    {
        var json = (JsonObject)JsonNode.Parse(File.ReadAllText(Path.Combine(folder, ConfigFile)))!;
        json[json.ContainsKey("dtype") ? "dtype" : "torch_dtype"] = "float32";
        foreach (var part in json.Select(p => p.Value).OfType<JsonObject>())
        {
            foreach (var field in new[] { "dtype", "torch_dtype" }.Where(part.ContainsKey))
            {
                part[field] = "float32";
            }
        }

        var generation = Path.Combine(folder, GenerationFile);
        return new ModelDescription(json, File.Exists(generation) ? File.ReadAllText(generation) : Of(config)._generation);
    }

    /// <summary>Writes config.json and generation_config.json.</summary>
    public void Write(string folder)
    {
        File.WriteAllText(Path.Combine(folder, ConfigFile), _config.ToJsonString(_indented));
        File.WriteAllText(Path.Combine(folder, GenerationFile), _generation);
    }
}
