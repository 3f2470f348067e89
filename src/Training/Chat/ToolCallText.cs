using System.Text;
using System.Text.Json;

namespace Axpo.Training.Chat;

/// <summary>What is wrong with the text of a call.</summary>
public enum ToolCallFault
{
    /// <summary>Nothing.</summary>
    None,

    /// <summary>There is no closing tag.</summary>
    Unclosed,

    /// <summary>Nothing but white space.</summary>
    Empty,

    /// <summary>Not exactly one JSON value (RFC 8259); also more than 64 levels, and escapes that are no text.</summary>
    InvalidJson,

    /// <summary>A key stands twice in one object, at any level.</summary>
    DuplicateKey,

    /// <summary>A JSON value that is no object.</summary>
    NotObject,

    /// <summary>The object has no <c>name</c>.</summary>
    NameMissing,

    /// <summary><c>name</c> is no string.</summary>
    NameNotString,

    /// <summary>The object has no <c>arguments</c>.</summary>
    ArgumentsMissing,

    /// <summary><c>arguments</c> is no object.</summary>
    ArgumentsNotObject,
}

/// <summary>The text of a call: <c>{"name":..,"arguments":{..}}</c>.</summary>
/// <param name="Fault">What is wrong with it.</param>
/// <param name="Name">Name of the tool as sampled, unescaped; null if there is a fault.</param>
/// <param name="Arguments">The exact source text of the arguments; null if there is a fault.</param>
public sealed record ToolCallText(ToolCallFault Fault, string? Name = null, string? Arguments = null)
{
    private const string ClosingTag = "</tool_call>";

    private static readonly JsonDocumentOptions Options = new() { AllowDuplicateProperties = false, MaxDepth = 64 };
    private static readonly JsonDocumentOptions Lenient = new() { MaxDepth = 64 };

    /// <summary>What to tell the policy; null if there is no fault.</summary>
    public string? Message => Fault switch
    {
        ToolCallFault.None => null,
        ToolCallFault.Unclosed => "the call has no closing tag",
        ToolCallFault.Empty => "the call is empty; it must be JSON",
        ToolCallFault.DuplicateKey => "the call is not valid JSON: a key stands twice",
        ToolCallFault.NotObject => "the call is not a JSON object",
        ToolCallFault.NameMissing => "the call has no \"name\"",
        ToolCallFault.NameNotString => "the call's \"name\" is not a string",
        ToolCallFault.ArgumentsMissing => "the call has no \"arguments\" object",
        ToolCallFault.ArgumentsNotObject => "the call's \"arguments\" is not an object",
        _ => "the call is not valid JSON",
    };

    /// <summary>Reads what follows an opening tag, in text: the first closing tag ends the call, even inside a JSON string.</summary>
    /// <param name="text">Text after the opening tag.</param>
    /// <param name="rest">What follows the closing tag; null if there is none.</param>
    public static ToolCallText ReadClosed(string text, out string? rest)
    {
        var end = text.IndexOf(ClosingTag, StringComparison.Ordinal);
        rest = end < 0 ? null : text[(end + ClosingTag.Length)..];
        return end < 0 ? new(ToolCallFault.Unclosed) : Read(text[..end]);
    }

    /// <summary>Reads what stands between the tags. Never throws: whatever the policy wrote is the policy's doing.</summary>
    public static ToolCallText Read(string body)
    {
        var trimmed = body.Trim(' ', '\t', '\r', '\n');
        if (trimmed.Length == 0)
        {
            return new(ToolCallFault.Empty);
        }

        byte[] utf8;
        try
        {
            utf8 = new UTF8Encoding(false, throwOnInvalidBytes: true).GetBytes(trimmed);
        }
        catch (EncoderFallbackException)
        {
            return new(ToolCallFault.InvalidJson);
        }

        if (!IsText(utf8))
        {
            return new(ToolCallFault.InvalidJson);
        }

        try
        {
            using var json = JsonDocument.Parse(utf8, Options);
            return Read(json.RootElement);
        }
        catch (JsonException)
        {
            return new(IsJson(utf8) ? ToolCallFault.DuplicateKey : ToolCallFault.InvalidJson);
        }
    }

    private static ToolCallText Read(JsonElement root)
    {
        if (root.ValueKind != JsonValueKind.Object)
        {
            return new(ToolCallFault.NotObject);
        }

        if (!root.TryGetProperty("name", out var name))
        {
            return new(ToolCallFault.NameMissing);
        }

        if (name.ValueKind != JsonValueKind.String)
        {
            return new(ToolCallFault.NameNotString);
        }

        if (!root.TryGetProperty("arguments", out var arguments))
        {
            return new(ToolCallFault.ArgumentsMissing);
        }

        return arguments.ValueKind == JsonValueKind.Object
            ? new(ToolCallFault.None, name.GetString(), arguments.GetRawText())
            : new(ToolCallFault.ArgumentsNotObject);
    }

    /// <summary>Whether every string is text: escapes of half a surrogate pair are none.</summary>
    private static bool IsText(byte[] utf8)
    {
        var reader = new Utf8JsonReader(utf8, new JsonReaderOptions { MaxDepth = 64 });
        try
        {
            while (reader.Read())
            {
                if (reader.TokenType is JsonTokenType.String or JsonTokenType.PropertyName)
                {
                    _ = reader.GetString();
                }
            }

            return true;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            return false;
        }
    }

    private static bool IsJson(byte[] utf8)
    {
        try
        {
            JsonDocument.Parse(utf8, Lenient).Dispose();
            return true;
        }
        catch (JsonException)
        {
            return false;
        }
    }
}
