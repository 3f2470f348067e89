using System.Globalization;
using System.Numerics;
using System.Text.Json;

namespace Axpo.Training.Chat.Jinja;

// Values are null (Python's None), bool, TemplateNumber, TemplateText, TemplateList, TemplateDict, and the kinds below that only templates make.

/// <summary>A number that keeps the text it was read from: <c>1.0</c>, <c>1e+22</c> and integers of any size are printed as they stood.</summary>
internal sealed class TemplateNumber
{
    /// <summary>Digits of an integer that arithmetic takes, as in Python.</summary>
    private const int MostDigits = 4300;

    private TemplateNumber(string text, bool isWhole) => (Text, IsWhole) = (text, isWhole);

    /// <summary>As Python prints it.</summary>
    public string Text { get; }

    /// <summary>Whether it is an integer.</summary>
    public bool IsWhole { get; }

    /// <summary>Its value as a float.</summary>
    public double Real => double.Parse(Text.Replace("inf", "Infinity", StringComparison.Ordinal).Replace("nan", "NaN", StringComparison.Ordinal), CultureInfo.InvariantCulture);

    /// <summary>Its value as an integer.</summary>
    /// <exception cref="TemplateException">It has too many digits.</exception>
    public BigInteger Whole => Text.Length <= MostDigits
        ? BigInteger.Parse(Text, CultureInfo.InvariantCulture)
        : throw new TemplateException($"an integer has {Text.Length} digits; arithmetic takes {MostDigits}");

    /// <summary>From JSON or a template's source.</summary>
    public static TemplateNumber FromSource(string text) => new(text, !text.AsSpan().ContainsAny('.', 'e', 'E'));

    /// <summary>An integer.</summary>
    /// <exception cref="TemplateException">It has too many digits.</exception>
    public static TemplateNumber Of(BigInteger value)
    {
        const double BitsPerDigit = 3.3219;
        return value.GetBitLength() <= MostDigits * BitsPerDigit
            ? new(value.ToString(CultureInfo.InvariantCulture), true)
            : throw new TemplateException($"an integer has more than {MostDigits} digits");
    }

    /// <summary>A float, printed as Python's <c>repr</c> does.</summary>
    public static TemplateNumber Float(double value) => new(Repr(value), false);

    private static string Repr(double value)
    {
        if (!double.IsFinite(value))
        {
            return double.IsNaN(value) ? "nan" : value > 0 ? "inf" : "-inf";
        }

        // The shortest digits that read back, which .NET and Python agree on; only the layout differs.
        var shortest = value.ToString("R", CultureInfo.InvariantCulture);
        var sign = shortest.StartsWith('-') ? "-" : "";
        var parts = shortest.TrimStart('-').Split('E');
        var all = parts[0].Replace(".", "", StringComparison.Ordinal);
        var digits = all.TrimStart('0');
        var exponent = (parts.Length > 1 ? int.Parse(parts[1], CultureInfo.InvariantCulture) : 0) + parts[0].Split('.')[0].Length - 1 - (all.Length - digits.Length);
        digits = digits.TrimEnd('0');
        if (digits.Length == 0)
        {
            return sign + "0.0";
        }

        const int Widest = 16;
        const int Narrowest = -4;
        if (exponent is < Narrowest or >= Widest)
        {
            var tail = digits.Length > 1 ? "." + digits[1..] : "";
            return string.Create(CultureInfo.InvariantCulture, $"{sign}{digits[0]}{tail}e{(exponent < 0 ? '-' : '+')}{Math.Abs(exponent):00}");
        }

        return exponent < 0 ? $"{sign}0.{new string('0', -exponent - 1)}{digits}"
            : digits.Length <= exponent + 1 ? $"{sign}{digits.PadRight(exponent + 1, '0')}.0"
            : $"{sign}{digits[..(exponent + 1)]}.{digits[(exponent + 1)..]}";
    }
}

/// <summary>A list or a tuple.</summary>
internal sealed class TemplateList(IReadOnlyList<object?> items)
{
    /// <summary>Its items.</summary>
    public IReadOnlyList<object?> Items => items;
}

/// <summary>A dictionary with text keys, in order of insertion.</summary>
internal sealed class TemplateDict
{
    private readonly OrderedDictionary<string, (TemplateText Key, object? Value)> _items = new(StringComparer.Ordinal);

    /// <summary>Entries.</summary>
    public int Count => _items.Count;

    /// <summary>Keys with their values.</summary>
    public IEnumerable<(TemplateText Key, object? Value)> Items => _items.Values;

    /// <summary>Puts a value; an old key keeps its place.</summary>
    public void Set(TemplateText key, object? value) => _items[key.Value] = (key, value);

    /// <summary>Looks a key up.</summary>
    public bool TryGet(string key, out object? value)
    {
        var found = _items.TryGetValue(key, out var item);
        value = item.Value;
        return found;
    }
}

/// <summary>What <c>namespace()</c> makes: the only thing that a template can change.</summary>
internal sealed class TemplateNamespace
{
    /// <summary>Its attributes.</summary>
    public Dictionary<string, object?> Attributes { get; } = new(StringComparer.Ordinal);
}

/// <summary>Jinja's default Undefined: prints as nothing, is false and empty; using it in any other way fails.</summary>
/// <param name="Why">What is undefined, for messages.</param>
internal sealed record Undefined(string Why);

/// <summary>Something that can be called: a macro.</summary>
internal delegate object? TemplateFunction(Frame frame, Arguments arguments);

/// <summary>Values from JSON.</summary>
internal static class TemplateJson
{
    /// <summary>A value; its texts are trusted or not.</summary>
    /// <exception cref="InvalidDataException">A text holds half a surrogate pair.</exception>
    public static object? ToValue(JsonElement json, bool untrusted)
    {
        try
        {
            return Convert(json, untrusted);
        }
        catch (InvalidOperationException e)
        {
            throw new InvalidDataException("a JSON string holds half a surrogate pair, which is no text", e);
        }
    }

    /// <summary>Text, trusted or not.</summary>
    public static TemplateText Text(string value, bool untrusted) => untrusted ? TemplateText.Distrust(value) : TemplateText.Trust(value);

    private static object? Convert(JsonElement json, bool untrusted)
    {
        switch (json.ValueKind)
        {
            case JsonValueKind.String:
                return Text(json.GetString()!, untrusted);
            case JsonValueKind.Number:
                return TemplateNumber.FromSource(json.GetRawText());
            case JsonValueKind.True or JsonValueKind.False:
                return json.GetBoolean();
            case JsonValueKind.Array:
                return new TemplateList([.. json.EnumerateArray().Select(item => Convert(item, untrusted))]);
            case JsonValueKind.Object:
                var dict = new TemplateDict();
                foreach (var member in json.EnumerateObject())
                {
                    dict.Set(Text(member.Name, untrusted), Convert(member.Value, untrusted));
                }

                return dict;
            default:
                return null;
        }
    }
}
