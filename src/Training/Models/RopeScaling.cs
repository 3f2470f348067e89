using System.Text.Json.Nodes;

namespace Axpo.Training.Models;

/// <summary>Llama 3's stretching of long wavelengths (transformers <c>_compute_llama3_parameters</c>): short ones stay, long ones are divided, those between are blended.</summary>
/// <param name="Factor">What long wavelengths are divided by.</param>
/// <param name="LowFrequencyFactor">Wavelengths above the old context divided by this are long.</param>
/// <param name="HighFrequencyFactor">Wavelengths below the old context divided by this are short.</param>
/// <param name="OriginalContext">The context that it was trained on before, tokens.</param>
public sealed record RopeScaling(double Factor, double LowFrequencyFactor, double HighFrequencyFactor, int OriginalContext)
{
    private const string Llama3 = "llama3";

    private static readonly string[] _known = ["rope_type", "type", "rope_theta", "factor", "low_freq_factor", "high_freq_factor", "original_max_position_embeddings"];

    /// <summary>As <c>rope_scaling</c>.</summary>
    public JsonObject ToJson() => new()
    {
        ["rope_type"] = Llama3,
        ["factor"] = Factor,
        ["low_freq_factor"] = LowFrequencyFactor,
        ["high_freq_factor"] = HighFrequencyFactor,
        ["original_max_position_embeddings"] = OriginalContext,
    };

    /// <summary>Reads it; null where nothing is scaled.</summary>
    /// <param name="path">Name of the file, for messages.</param>
    /// <param name="field">Name of the field.</param>
    /// <param name="node">Its value.</param>
    /// <exception cref="NotSupportedException">Another kind of scaling.</exception>
    /// <exception cref="InvalidDataException">A number is missing or wrong.</exception>
    internal static RopeScaling? Read(string path, string field, JsonNode? node)
    {
        if (node is null)
        {
            return null;
        }

        if (node is not JsonObject rope)
        {
            throw new InvalidDataException($"{path}: {field} should be an object, is {node.ToJsonString()}");
        }

        if (rope.FirstOrDefault(p => p.Value is not null && !_known.Contains(p.Key)) is { Key: { } unknown })
        {
            throw new NotSupportedException($"{path}: {field}.{unknown} = {rope[unknown]!.ToJsonString()} is not supported; supported: {string.Join(", ", _known)}");
        }

        var type = (rope["rope_type"] ?? rope["type"])?.ToString() ?? "default";
        return type switch
        {
            "default" => null,
            Llama3 => new RopeScaling(Number("factor"), Number("low_freq_factor"), Number("high_freq_factor"), (int)Number("original_max_position_embeddings")) is var scaling && scaling.HighFrequencyFactor > scaling.LowFrequencyFactor
                ? scaling
                : throw new InvalidDataException($"{path}: {field}.high_freq_factor should be above low_freq_factor"),
            _ => throw new NotSupportedException($"{path}: {field}.rope_type '{type}' is not supported; supported: default, {Llama3}"),
        };

        double Number(string name) => rope[name] is JsonValue v && v.TryGetValue<double>(out var number) && double.IsFinite(number) && number > 0
            ? number
            : throw new InvalidDataException($"{path}: {field}.{name} should be a number above 0, is {rope[name]?.ToJsonString() ?? "missing"}");
    }
}
