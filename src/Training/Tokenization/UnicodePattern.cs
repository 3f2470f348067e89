using System.Text;
using System.Text.RegularExpressions;

namespace Axpo.Training.Tokenization;

/// <summary>
/// Patterns of <c>tokenizer.json</c> (Oniguruma's syntax, as Hugging Face's library reads them) as .NET's regular expressions. Where letters are matched without case they fold as Unicode
/// does: U+017F counts as s, U+212A as k. What the two read differently is refused.
/// </summary>
internal static class UnicodePattern
{
    // Escapes and groups that both read alike. Others differ (\w, \b, (?m:), or only one knows them.
    private const string Escapes = "pPsSdDrntfvxu";
    private static readonly string[] Groups = ["(?:", "(?i:", "(?=", "(?!", "(?<=", "(?<!"];
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(10);

    /// <summary>Reads the pattern of a field.</summary>
    /// <exception cref="NotSupportedException">It uses something that .NET reads in another way, or not at all.</exception>
    public static Regex Parse(JsonField field)
    {
        var pattern = field.Text();
        if (AstralStandIns.IsNeeded(pattern))
        {
            throw field.Unsupported("patterns without characters above U+FFFF");
        }

        try
        {
            return new Regex(Fold(field, pattern), RegexOptions.CultureInvariant, Limit);
        }
        catch (ArgumentException e)
        {
            throw new NotSupportedException($"{field.File}: {field.Name} is no pattern that .NET reads: {e.Message}", e);
        }
    }

    private static string Fold(JsonField field, string pattern)
    {
        var result = new StringBuilder(pattern.Length);
        var folds = new Stack<bool>();
        var isFolding = false;
        for (var i = 0; i < pattern.Length; i++)
        {
            var c = pattern[i];
            if (c == '\\' && i + 1 < pattern.Length)
            {
                CheckEscape(field, pattern[i + 1]);
                result.Append(c).Append(pattern[++i]);
            }
            else if (c == '[')
            {
                var end = EndOfClass(pattern, i);
                CheckClass(field, pattern.AsSpan(i, end - i), isFolding);
                result.Append(pattern, i, end - i);
                i = end - 1;
            }
            else if (c == '(')
            {
                // The letter of the option itself must not fold.
                var open = Open(field, pattern, i);
                folds.Push(isFolding);
                isFolding |= open == "(?i:";
                result.Append(open);
                i += open.Length - 1;
            }
            else if (c == ')')
            {
                isFolding = folds.TryPop(out var outer) && outer;
                result.Append(c);
            }
            else if (c is '^' or '$')
            {
                throw field.Unsupported("patterns without ^ and $, which stand at lines there and at the whole text here");
            }
            else
            {
                result.Append(isFolding ? Folded(c) : c.ToString());
            }
        }

        return result.ToString();
    }

    /// <summary>How a group begins.</summary>
    private static string Open(JsonField field, string pattern, int at) =>
        at + 1 >= pattern.Length || pattern[at + 1] != '?' ? "("
        : Array.Find(Groups, g => string.CompareOrdinal(pattern, at, g, 0, g.Length) == 0) ?? throw field.Unsupported($"the groups ( {string.Join(' ', Groups)}");

    private static void CheckEscape(JsonField field, char c)
    {
        if (char.IsAsciiLetterOrDigit(c) && !Escapes.Contains(c, StringComparison.Ordinal))
        {
            throw field.Unsupported($"the escapes \\{string.Join(" \\", Escapes.ToCharArray())}");
        }
    }

    private static void CheckClass(JsonField field, ReadOnlySpan<char> text, bool isFolding)
    {
        if (isFolding || text[1..].Contains('[') || text.Contains("&&", StringComparison.Ordinal))
        {
            throw field.Unsupported("character classes outside of (?i:..), without classes or && inside");
        }

        for (var i = 0; i + 1 < text.Length; i++)
        {
            if (text[i] == '\\')
            {
                CheckEscape(field, text[++i]);
            }
        }
    }

    private static string Folded(char c) => c switch
    {
        's' or 'S' => "[sS\u017F]",
        'k' or 'K' => "[kK\u212A]",
        _ => c.ToString(),
    };

    private static int EndOfClass(string pattern, int start)
    {
        for (var i = start + 1; i < pattern.Length; i++)
        {
            if (pattern[i] == '\\')
            {
                i++;
            }
            else if (pattern[i] == ']')
            {
                return i + 1;
            }
        }

        return pattern.Length;
    }
}
