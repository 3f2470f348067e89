using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Axpo.Silo.Storage;

namespace Axpo.Silo.Comparisons;

/// <summary>Tells configurations apart by what a run of them does.</summary>
public static class ConfigurationHash
{
    /// <summary>
    /// SHA-256 of the configuration as canonical JSON (keys in ordinal order, no white space), in lower-case hexadecimal. The hashes of the model's weights and of the file of questions stand in place of their paths, and the
    /// preset's name is left out: its values are there. A section that came after results had been stored is left out where it is as it was without it, so that they stay found.
    /// </summary>
    /// <param name="configuration">The whole configuration.</param>
    /// <param name="modelSha256">Hash of the model's weights.</param>
    /// <param name="questionsSha256">Hash of the file of questions; null: it asks suites.</param>
    public static string Of(RunConfiguration configuration, string modelSha256, string? questionsSha256)
    {
        var json = JsonSerializer.SerializeToNode(configuration with { Model = modelSha256, Algorithm = "", Tasks = configuration.Tasks with { Questions = questionsSha256 } }, AxpoJson.Line)!.AsObject();
        if (configuration.Curriculum == new CurriculumOptions())
        {
            json.Remove("curriculum");
        }

        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(Sorted(json)?.ToJsonString(AxpoJson.Line) ?? "")));
    }

    private static JsonNode? Sorted(JsonNode? node) => node switch
    {
        JsonObject o => new JsonObject(o.OrderBy(p => p.Key, StringComparer.Ordinal).Select(p => KeyValuePair.Create(p.Key, Sorted(p.Value)))),
        JsonArray a => new JsonArray([.. a.Select(Sorted)]),
        _ => node?.DeepClone(),
    };
}
