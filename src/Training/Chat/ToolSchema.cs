using System.Text.Json;
using System.Text.Json.Nodes;
using Axpo.Core;

namespace Axpo.Training.Chat;

/// <summary>Tools as chat templates expect them: JSON schemas of functions.</summary>
internal static class ToolSchema
{
    /// <summary>The tools, in order.</summary>
    public static JsonElement Of(IReadOnlyList<ToolSpec> tools) => JsonSerializer.SerializeToElement(new JsonArray([.. tools.Select(Of)]));

    private static JsonObject Of(ToolSpec tool)
    {
        var properties = new JsonObject();
        foreach (var parameter in tool.Parameters)
        {
            var schema = new JsonObject { ["type"] = parameter.JsonType };
            if (parameter.ItemType is { } items)
            {
                schema["items"] = new JsonObject { ["type"] = items };
            }

            schema["description"] = parameter.Description;
            properties[parameter.Name] = schema;
        }

        return new JsonObject
        {
            ["type"] = "function",
            ["function"] = new JsonObject
            {
                ["name"] = tool.Name,
                ["description"] = tool.Description,
                ["parameters"] = new JsonObject
                {
                    ["type"] = "object",
                    ["properties"] = properties,
                    ["required"] = new JsonArray([.. tool.Parameters.Where(p => p.Required).Select(p => JsonValue.Create(p.Name))]),
                },
            },
        };
    }
}
