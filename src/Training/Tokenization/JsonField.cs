using System.Text.Json;

namespace Axpo.Training.Tokenization;

/// <summary>A value of a JSON file that knows where it stands, so that whatever is wrong with it is said with file, field and value.</summary>
/// <param name="File">Path of the file, for messages.</param>
/// <param name="Name">Path of the field inside the file: <c>model.merges[3]</c>; empty for the root.</param>
/// <param name="Value">The value.</param>
internal readonly record struct JsonField(string File, string Name, JsonElement Value)
{
    private static readonly JsonDocumentOptions Options = new() { AllowDuplicateProperties = false };

    /// <summary>Whether the value is null.</summary>
    public bool IsNull => Value.ValueKind == JsonValueKind.Null;

    /// <summary>Whether the value is an object.</summary>
    public bool IsObject => Value.ValueKind == JsonValueKind.Object;

    /// <summary>Whether the value is a list.</summary>
    public bool IsList => Value.ValueKind == JsonValueKind.Array;

    /// <summary>Whether the value is a string.</summary>
    public bool IsText => Value.ValueKind == JsonValueKind.String;

    /// <summary>Reads a file whose root is an object. The values live outside the document: there is nothing to dispose.</summary>
    /// <exception cref="InvalidDataException">It is no JSON object.</exception>
    public static JsonField Read(string path)
    {
        try
        {
            using var json = JsonDocument.Parse(System.IO.File.ReadAllBytes(path), Options);
            var root = new JsonField(path, "", json.RootElement.Clone());
            return root.IsObject ? root : throw root.Wrong("an object");
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw new InvalidDataException($"{path}: is no JSON: {e.Message}", e);
        }
    }

    /// <summary>A member that must be there.</summary>
    /// <exception cref="InvalidDataException">This is no object, or has no such member.</exception>
    public JsonField this[string member] => Find(member) ?? throw new InvalidDataException($"{File}: {At(member)} is missing");

    /// <summary>A member; null if there is none or it is null.</summary>
    /// <exception cref="InvalidDataException">This is no object.</exception>
    public JsonField? Find(string member)
    {
        Require(JsonValueKind.Object, "an object");
        return Value.TryGetProperty(member, out var value) && value.ValueKind != JsonValueKind.Null ? new JsonField(File, At(member), value) : null;
    }

    /// <summary>Text.</summary>
    /// <exception cref="InvalidDataException">It is no string, or one with half a surrogate pair.</exception>
    public string Text()
    {
        Require(JsonValueKind.String, "a string");
        try
        {
            return Value.GetString()!;
        }
        catch (InvalidOperationException e)
        {
            throw new InvalidDataException($"{File}: {Name} holds half a surrogate pair, which is no text", e);
        }
    }

    /// <summary>A flag; false where it is absent.</summary>
    /// <exception cref="InvalidDataException">It is neither true nor false.</exception>
    public bool Flag(string member) => Find(member) switch
    {
        null or { Value.ValueKind: JsonValueKind.False } => false,
        { Value.ValueKind: JsonValueKind.True } => true,
        { } other => throw other.Wrong("true or false"),
    };

    /// <summary>A whole number from 0 to a largest one.</summary>
    /// <exception cref="InvalidDataException">It is none.</exception>
    public int Count(int most) =>
        Value.ValueKind == JsonValueKind.Number && Value.TryGetInt32(out var number) && number >= 0 && number <= most ? number : throw Wrong($"a whole number from 0 to {most}");

    /// <summary>Items of a list.</summary>
    /// <exception cref="InvalidDataException">It is no list.</exception>
    public IEnumerable<JsonField> Items()
    {
        Require(JsonValueKind.Array, "a list");
        var (file, name) = (File, Name);
        return Value.EnumerateArray().Select((item, i) => new JsonField(file, $"{name}[{i}]", item));
    }

    /// <summary>Members of an object, by name.</summary>
    /// <exception cref="InvalidDataException">It is no object, or a name is no text.</exception>
    public IEnumerable<(string Key, JsonField Field)> Members()
    {
        Require(JsonValueKind.Object, "an object");
        foreach (var member in Value.EnumerateObject())
        {
            string key;
            try
            {
                key = member.Name;
            }
            catch (InvalidOperationException e)
            {
                throw new InvalidDataException($"{File}: {Name} has a key with half a surrogate pair, which is no text", e);
            }

            yield return (key, new JsonField(File, At(key), member.Value));
        }
    }

    /// <summary>What to throw where a value is of another kind than it must be.</summary>
    public InvalidDataException Wrong(string right) => new($"{File}: {(Name.Length == 0 ? "the file" : Name)} is {Shown()}; it must be {right}");

    /// <summary>What to throw where a value is valid and not supported.</summary>
    public NotSupportedException Unsupported(string supported) => new($"{File}: {Name} {Shown()} is not supported; supported: {supported}");

    private void Require(JsonValueKind kind, string right)
    {
        if (Value.ValueKind != kind)
        {
            throw Wrong(right);
        }
    }

    private string At(string member) => Name.Length == 0 ? member : $"{Name}.{member}";

    private string Shown()
    {
        const int Most = 60;
        var raw = Value.GetRawText();
        return Value.ValueKind switch
        {
            JsonValueKind.Object => "an object",
            JsonValueKind.Array => "a list",
            _ => raw.Length <= Most ? raw : raw[..Most] + "..",
        };
    }
}
