using System.Text;
using System.Text.RegularExpressions;

namespace Axpo.Training.Tokenization;

/// <summary>
/// Patterns of <c>tokenizer.json</c> (Oniguruma's syntax, as Hugging Face's library reads them) as .NET's regular expressions. Where letters are matched without case they fold as Unicode
/// does: U+017F counts as s, U+212A as k.
/// </summary>
internal static class UnicodePattern
{
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
                result.Append(c).Append(pattern[++i]);
            }
            else if (c == '[')
            {
                var end = EndOfClass(pattern, i);
                if (isFolding)
                {
                    throw field.Unsupported("(?i:..) without character classes inside");
                }

                result.Append(pattern, i, end - i);
                i = end - 1;
            }
            else if (c == '(')
            {
                folds.Push(isFolding);
                isFolding |= string.CompareOrdinal(pattern, i, "(?i:", 0, 4) == 0;
                if (string.CompareOrdinal(pattern, i, "(?i)", 0, 4) == 0)
                {
                    throw field.Unsupported("(?i:..), not (?i)");
                }

                // The letter of the option itself must not fold.
                var skip = isFolding && string.CompareOrdinal(pattern, i, "(?i:", 0, 4) == 0 ? 4 : 1;
                result.Append(pattern, i, skip);
                i += skip - 1;
            }
            else if (c == ')')
            {
                isFolding = folds.TryPop(out var outer) && outer;
                result.Append(c);
            }
            else
            {
                result.Append(isFolding ? Folded(c) : c.ToString());
            }
        }

        return result.ToString();
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
