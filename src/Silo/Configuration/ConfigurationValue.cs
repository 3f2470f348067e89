using System.Globalization;
using System.Text.Json;

namespace Axpo.Silo.Configuration;

/// <summary>A value read from JSON or text, or why it cannot be.</summary>
internal readonly record struct ConfigurationValue(object? Value, string? Problem)
{
    /// <summary>Reads a JSON value: numbers as numbers, text as text.</summary>
    public static ConfigurationValue Read(ConfigurationKey key, JsonElement json)
    {
        var type = key.Property.PropertyType;
        if (key.IsMap)
        {
            return ReadMap(key, json);
        }

        var value = json.ValueKind switch
        {
            JsonValueKind.Null when key.IsNullable => new ConfigurationValue(null, null),
            JsonValueKind.String when type == typeof(string) || type.IsEnum => Read(key, json.GetString()!),
            JsonValueKind.Number when IsNumber(type) => Read(key, json.GetRawText()),
            JsonValueKind.True or JsonValueKind.False when type == typeof(bool) => new ConfigurationValue(json.GetBoolean(), null),
            _ => Wrong(key),
        };
        return value;
    }

    /// <summary>Reads text as environment and <c>--set</c> give it; a map is a JSON object there.</summary>
    public static ConfigurationValue Read(ConfigurationKey key, string text)
    {
        var type = key.Property.PropertyType;
        if (key.IsMap)
        {
            try
            {
                using var json = JsonDocument.Parse(text);
                return ReadMap(key, json.RootElement);
            }
            catch (JsonException)
            {
                return new ConfigurationValue(null, $"expected {key.Expected}: set {key.Path}.NAME=NUMBER, or a JSON object");
            }
        }

        if (type == typeof(string))
        {
            return text.Length > 0 ? new ConfigurationValue(text, null) : key.IsNullable ? new ConfigurationValue(null, null) : new ConfigurationValue(null, "must not be empty");
        }

        if (type.IsEnum)
        {
            var names = ConfigurationKey.Names(type);
            var index = names.ToList().IndexOf(text);
            return index >= 0 ? new ConfigurationValue(Enum.GetValues(type).GetValue(index), null) : new ConfigurationValue(null, "unknown" + NearestName.Hint(text, names));
        }

        return Parse(type, text) is { } value ? new ConfigurationValue(value, null) : Wrong(key);
    }

    /// <summary>A number or truth value; null if the text is none.</summary>
    public static object? Parse(Type type, string text) => true switch
    {
        _ when type == typeof(bool) => text switch
        {
            "true" => true,
            "false" => false,
            _ => null,
        },
        _ when type == typeof(int) => int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var i) ? i : null,
        _ when type == typeof(ulong) => ulong.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var u) ? u : null,
        _ when type == typeof(double) => double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var d) && double.IsFinite(d) ? d : null,
        _ => throw new NotSupportedException($"configuration keys of type {type.Name} cannot be read"),
    };

    private static bool IsNumber(Type type) => type == typeof(int) || type == typeof(ulong) || type == typeof(double);

    private static ConfigurationValue ReadMap(ConfigurationKey key, JsonElement json)
    {
        if (json.ValueKind != JsonValueKind.Object)
        {
            return new ConfigurationValue(null, $"expected a JSON object of {key.Expected}");
        }

        var map = new Dictionary<string, double>(StringComparer.Ordinal);
        foreach (var entry in json.EnumerateObject())
        {
            if (entry.Value.ValueKind != JsonValueKind.Number || Parse(typeof(double), entry.Value.GetRawText()) is not double number)
            {
                return new ConfigurationValue(null, $"'{entry.Name}' is {entry.Value.GetRawText()}; expected a number");
            }

            if (!map.TryAdd(entry.Name, number))
            {
                return new ConfigurationValue(null, $"'{entry.Name}' stands twice; keep one");
            }
        }

        return new ConfigurationValue(map, null);
    }

    private static ConfigurationValue Wrong(ConfigurationKey key) => new(null, key.Property.PropertyType == typeof(bool) || key.Property.PropertyType.IsEnum || key.Property.PropertyType == typeof(string) ? $"expected {key.Expected}" : $"expected a {key.Expected}");
}
