using System.Text;
using System.Text.Json;

namespace Axpo.Client;

/// <summary>How values are written for people.</summary>
internal static class Formats
{
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
