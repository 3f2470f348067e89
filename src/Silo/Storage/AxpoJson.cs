using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Axpo.Silo.Storage;

/// <summary>How Axpo writes JSON: camelCase, enums by name, NaN as null in arrays of numbers.</summary>
public static class AxpoJson
{
    /// <summary>One object a line.</summary>
    public static JsonSerializerOptions Line { get; } = Create(indented: false);

    /// <summary>For people.</summary>
    public static JsonSerializerOptions Pretty { get; } = Create(indented: true);

    private static JsonSerializerOptions Create(bool indented)
    {
        var options = new JsonSerializerOptions(JsonSerializerDefaults.Web)
        {
            WriteIndented = indented,
            NumberHandling = JsonNumberHandling.Strict,
            DefaultIgnoreCondition = JsonIgnoreCondition.Never,
            Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, // These are files of JSON, never parts of a page.
        };
        options.Converters.Add(new JsonStringEnumConverter(JsonNamingPolicy.KebabCaseLower));
        options.Converters.Add(new EpisodeIdConverter());
        options.Converters.Add(new FloatsConverter());
        options.Converters.Add(new DoublesConverter());
        options.Converters.Add(new DoubleConverter());
        options.Converters.Add(new BytesAsBoolsConverter());
        options.MakeReadOnly(populateMissingResolver: true);
        return options;
    }

    private sealed class EpisodeIdConverter : JsonConverter<EpisodeId>
    {
        public override EpisodeId Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
            EpisodeId.Parse(reader.GetString() ?? throw new JsonException("an episode id is a string"));

        public override void Write(Utf8JsonWriter writer, EpisodeId value, JsonSerializerOptions options) => writer.WriteStringValue(value.ToString());
    }

    /// <summary>Booleans as 0 and 1 would be shorter; true and false are clearer. Kept so that bool arrays never fall back to base64.</summary>
    private sealed class BytesAsBoolsConverter : JsonConverter<bool[]>
    {
        public override bool[] Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
        {
            var list = new List<bool>();
            while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
            {
                list.Add(reader.GetBoolean());
            }

            return [.. list];
        }

        public override void Write(Utf8JsonWriter writer, bool[] value, JsonSerializerOptions options)
        {
            writer.WriteStartArray();
            foreach (var item in value)
            {
                writer.WriteBooleanValue(item);
            }

            writer.WriteEndArray();
        }
    }

    private sealed class FloatsConverter : JsonConverter<float[]>
    {
        public override float[] Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
        {
            var list = new List<float>();
            while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
            {
                list.Add(reader.TokenType == JsonTokenType.Null ? float.NaN : reader.GetSingle());
            }

            return [.. list];
        }

        public override void Write(Utf8JsonWriter writer, float[] value, JsonSerializerOptions options)
        {
            writer.WriteStartArray();
            foreach (var item in value)
            {
                if (float.IsFinite(item))
                {
                    writer.WriteNumberValue(item);
                }
                else
                {
                    writer.WriteNullValue();
                }
            }

            writer.WriteEndArray();
        }
    }

    private sealed class DoublesConverter : JsonConverter<double[]>
    {
        public override double[] Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
        {
            var list = new List<double>();
            while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
            {
                list.Add(reader.TokenType == JsonTokenType.Null ? double.NaN : reader.GetDouble());
            }

            return [.. list];
        }

        public override void Write(Utf8JsonWriter writer, double[] value, JsonSerializerOptions options)
        {
            writer.WriteStartArray();
            foreach (var item in value)
            {
                WriteNumber(writer, item);
            }

            writer.WriteEndArray();
        }
    }

    private sealed class DoubleConverter : JsonConverter<double>
    {
        public override bool HandleNull => true;

        public override double Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
            reader.TokenType == JsonTokenType.Null ? double.NaN : reader.GetDouble();

        public override void Write(Utf8JsonWriter writer, double value, JsonSerializerOptions options) => WriteNumber(writer, value);
    }

    private static void WriteNumber(Utf8JsonWriter writer, double value)
    {
        if (double.IsFinite(value))
        {
            writer.WriteNumberValue(value);
        }
        else
        {
            writer.WriteNullValue();
        }
    }
}
