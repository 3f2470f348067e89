using System.Text.Json;

namespace Axpo.Client.Episodes;

/// <summary>Arguments of a call for people: one line an argument, code as code.</summary>
internal static class CallArguments
{
    /// <summary>Readable arguments; those that are no JSON object stay as they were written.</summary>
    public static string Readable(string json)
    {
        try
        {
            using var document = JsonDocument.Parse(json);
            if (document.RootElement.ValueKind == JsonValueKind.Object)
            {
                return string.Join('\n', document.RootElement.EnumerateObject().Select(p => Line(p.Name, p.Value.ValueKind == JsonValueKind.String ? p.Value.GetString()! : p.Value.GetRawText())));
            }
        }
        catch (JsonException)
        {
            // As the policy wrote it.
            return json;
        }

        return json;
    }

    private static string Line(string name, string value) => value.Contains('\n', StringComparison.Ordinal)
        ? $"{name}:\n  {value.TrimEnd('\n').ReplaceLineEndings("\n  ")}"
        : $"{name}: {value}";
}
