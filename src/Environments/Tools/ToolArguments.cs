using System.Text.Json;

namespace Axpo.Environments.Tools;

/// <summary>Reads the arguments that a policy wrote; every fault is the policy's own mistake and becomes a short error observation.</summary>
public sealed class ToolArguments
{
    private static readonly JsonDocumentOptions Strict = new() { MaxDepth = 16, AllowDuplicateProperties = false };

    private readonly Dictionary<string, JsonElement> _values;

    private ToolArguments(Dictionary<string, JsonElement> values) => _values = values;

    /// <summary>Reads a JSON object and checks it against a tool's parameters: unknown, missing and wrongly typed ones are named.</summary>
    /// <param name="spec">The tool.</param>
    /// <param name="json">What the policy wrote.</param>
    /// <param name="arguments">The arguments.</param>
    /// <param name="error">The observation; null if all is well.</param>
    public static bool TryRead(ToolSpec spec, string json, out ToolArguments arguments, out ToolResult? error)
    {
        arguments = new ToolArguments(new Dictionary<string, JsonElement>(StringComparer.Ordinal));
        try
        {
            using var document = JsonDocument.Parse(json, Strict);
            if (document.RootElement.ValueKind != JsonValueKind.Object)
            {
                error = Fault("arguments must be a JSON object");
                return false;
            }

            foreach (var property in document.RootElement.EnumerateObject())
            {
                var parameter = spec.Parameters.FirstOrDefault(p => p.Name == property.Name);
                if (parameter is null)
                {
                    error = Fault($"unknown argument '{Short(property.Name)}'; {spec.Name} takes {string.Join(", ", spec.Parameters.Select(p => p.Name))}");
                    return false;
                }

                if (!Fits(parameter.JsonType, property.Value) || (parameter.ItemType is { } items && !property.Value.EnumerateArray().All(v => Fits(items, v))))
                {
                    error = Fault($"argument '{parameter.Name}' must be {Kind(parameter)}");
                    return false;
                }

                // Half a surrogate pair is found only when a text is read.
                _ = property.Value.ValueKind == JsonValueKind.String ? property.Value.GetString() : null;
                arguments._values[property.Name] = property.Value.Clone();
            }
        }
        catch (Exception e) when (e is JsonException or ArgumentException or InvalidOperationException)
        {
            error = Fault("arguments are not valid JSON");
            return false;
        }

        var values = arguments._values;
        if (spec.Parameters.FirstOrDefault(p => p.Required && !values.ContainsKey(p.Name)) is { } missing)
        {
            error = Fault($"argument '{missing.Name}' is missing");
            return false;
        }

        error = null;
        return true;
    }

    /// <summary>A text that was given.</summary>
    public string Text(string name) => _values[name].GetString()!;

    /// <summary>A number, if it was given.</summary>
    public double? Number(string name) => _values.TryGetValue(name, out var value) ? value.GetDouble() : null;

    /// <summary>A whole number, if it was given.</summary>
    public int? Integer(string name) => _values.TryGetValue(name, out var value) ? value.GetInt32() : null;

    /// <summary>A list of numbers that was given.</summary>
    public double[] Numbers(string name) => [.. _values[name].EnumerateArray().Select(v => v.GetDouble())];

    /// <summary>An error observation.</summary>
    public static ToolResult Fault(string message) => new("Error: " + message, IsError: true);

    private static bool Fits(string type, JsonElement value) => type switch
    {
        "string" => value.ValueKind == JsonValueKind.String,
        "integer" => value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out _),
        "number" => value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out var number) && double.IsFinite(number),
        "boolean" => value.ValueKind is JsonValueKind.True or JsonValueKind.False,
        "array" => value.ValueKind == JsonValueKind.Array,
        _ => true,
    };

    private static string Kind(ToolParameter parameter) => parameter.ItemType is { } items ? $"an array of {items}s" : parameter.JsonType is "array" or "integer" ? "an " + parameter.JsonType : "a " + parameter.JsonType;

    private static string Short(string name) => name.Length <= 40 ? name : name[..40] + "...";
}
