using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Axpo.Silo.Storage;

namespace Axpo.Silo.Comparisons;

/// <summary>JSON with a line for each property, and for each element of a list: small, and still fit for diffs.</summary>
internal static class LinedJson
{
    /// <summary>Writes an object, with a line end after it.</summary>
    public static string Write<T>(T value)
    {
        var text = new StringBuilder("{\n");
        var properties = JsonSerializer.SerializeToNode(value, AxpoJson.Line)!.AsObject().ToArray();
        foreach (var (i, (name, content)) in properties.Index())
        {
            text.Append(CultureInfo.InvariantCulture, $"  \"{name}\": ");
            text.Append(content is JsonArray { Count: > 0 } list
                ? $"[\n    {string.Join(",\n    ", list.Select(e => e?.ToJsonString(AxpoJson.Line) ?? "null"))}\n  ]"
                : content?.ToJsonString(AxpoJson.Line) ?? "null");
            text.Append(i == properties.Length - 1 ? "\n" : ",\n");
        }

        return text.Append("}\n").ToString();
    }
}
