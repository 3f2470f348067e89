using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Axpo.Client;

/// <summary>How values are written for people.</summary>
internal static class Text
{
    /// <summary>A share as it is written in tables: <c>.275</c>; a dash where there is none.</summary>
    public static string Share(double? value) => value is { } v && double.IsFinite(v) ? v.ToString(".000", CultureInfo.InvariantCulture) : "-";

    /// <summary>A number with so many significant places; a dash where there is none.</summary>
    public static string Number(double? value, string format = "G4") => value is { } v && double.IsFinite(v) ? v.ToString(format, CultureInfo.InvariantCulture) : "-";

    /// <summary>A duration: <c>1 h 02 min</c>, <c>3 min 20 s</c>, <c>12 s</c>.</summary>
    public static string Duration(TimeSpan span) => span switch
    {
        { TotalHours: >= 1 } => string.Create(CultureInfo.InvariantCulture, $"{(int)span.TotalHours} h {span.Minutes:D2} min"),
        { TotalMinutes: >= 1 } => string.Create(CultureInfo.InvariantCulture, $"{span.Minutes} min {span.Seconds:D2} s"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{(int)Math.Ceiling(span.TotalSeconds)} s"),
    };

    /// <summary>An enumeration's value as files and options write it.</summary>
    public static string Name<T>(T value)
        where T : struct, Enum => JsonNamingPolicy.KebabCaseLower.ConvertName(value.ToString());

    /// <summary>
    /// Text that a policy, a tool or a file made, safe for a terminal: control characters other than line ends and tabs become the symbols that stand for them,
    /// so that no escape sequence gets through.
    /// </summary>
    public static string Untrusted(string text)
    {
        if (!text.Any(IsUnsafe))
        {
            return text;
        }

        var safe = new StringBuilder(text.Length);
        foreach (var c in text)
        {
            safe.Append(!IsUnsafe(c) ? c : c < 0x20 ? (char)(0x2400 + c) : '\uFFFD');
        }

        return safe.ToString();
    }

    private static bool IsUnsafe(char c) => (char.IsControl(c) && c is not ('\n' or '\t')) || c is (>= '\u202A' and <= '\u202E') or (>= '\u2066' and <= '\u2069');
}
