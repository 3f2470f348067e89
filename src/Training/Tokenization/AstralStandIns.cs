using System.Globalization;

namespace Axpo.Training.Tokenization;

/// <summary>
/// Patterns of tokenizers count code points, .NET's regular expressions count UTF-16 units, where a letter above U+FFFF is two surrogates and no letter. Before a text is
/// matched, every such code point gives way to one character of the same general category.
/// </summary>
internal static class AstralStandIns
{
    private static readonly char[] ByCategory = Make();

    /// <summary>Whether a text has code points above U+FFFF.</summary>
    public static bool IsNeeded(ReadOnlySpan<char> text) => text.ContainsAnyInRange('\uD800', '\uDFFF');

    /// <summary>A text with one character a code point.</summary>
    /// <param name="text">Well-formed text.</param>
    /// <param name="starts">Where each of its characters starts in <paramref name="text"/>, and the length of the text at the end.</param>
    public static string Replace(string text, out int[] starts)
    {
        var characters = new char[text.Length];
        starts = new int[text.Length + 1];
        var (count, at) = (0, 0);
        foreach (var rune in text.EnumerateRunes())
        {
            starts[count] = at;
            characters[count++] = rune.IsBmp ? (char)rune.Value : ByCategory[(int)System.Text.Rune.GetUnicodeCategory(rune)];
            at += rune.Utf16SequenceLength;
        }

        starts[count] = text.Length;
        return new string(characters, 0, count);
    }

    private static char[] Make()
    {
        var stand = new char[(int)UnicodeCategory.OtherNotAssigned + 1];
        for (var c = 1; c <= char.MaxValue; c++)
        {
            stand[(int)CharUnicodeInfo.GetUnicodeCategory((char)c)] = (char)c;
        }

        return stand;
    }
}
