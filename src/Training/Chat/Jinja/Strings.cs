namespace Axpo.Training.Chat.Jinja;

/// <summary>What Python's strings can do, on text that keeps its flags.</summary>
internal static class Strings
{
    /// <summary>Cuts white space, or the characters of a set, off one or both ends.</summary>
    public static TemplateText Strip(Budget budget, TemplateText text, string? set, bool left, bool right)
    {
        budget.Spend(text.Length);
        var (start, end) = (0, text.Length);
        while (left && start < end && IsCut(text.Value[start]))
        {
            start++;
        }

        while (right && end > start && IsCut(text.Value[end - 1]))
        {
            end--;
        }

        return text.Slice(start, end);

        bool IsCut(char c) => set is null ? Python.IsSpace(c) : set.Contains(c, StringComparison.Ordinal);
    }

    /// <summary>Cuts at white space, or at a separator.</summary>
    /// <exception cref="TemplateException">The separator is empty.</exception>
    public static List<object?> Split(Budget budget, TemplateText text, string? separator, int most)
    {
        budget.Spend(text.Length);
        if (separator is "")
        {
            throw new TemplateException("empty separator");
        }

        return separator is null ? SplitBlank(text, most) : SplitAt(text, separator, most);
    }

    /// <summary>Every occurrence, up to a number of them, of a text replaced.</summary>
    public static TemplateText Replace(Budget budget, TemplateText text, string old, TemplateText with, int most)
    {
        budget.Spend(text.Length);
        var builder = new TemplateText.Builder();
        var at = 0;
        for (var count = 0; most < 0 || count < most; count++)
        {
            // Nothing is found before the first character, between any two, and after the last.
            var found = old.Length == 0 ? (at + count == 0 ? 0 : NextEmpty(text.Value, at)) : text.Value.IndexOf(old, at, StringComparison.Ordinal);
            if (found < 0)
            {
                break;
            }

            budget.Spend(with.Length + 1L);
            builder.Append(text.Slice(at, found)).Append(with);
            at = found + old.Length;
        }

        return builder.Append(text.Slice(at, text.Length)).Done();
    }

    /// <summary>Each word with a capital.</summary>
    public static TemplateText Title(TemplateText text) => text.With(value =>
    {
        var characters = value.ToCharArray();
        for (var i = 0; i < characters.Length; i++)
        {
            characters[i] = i > 0 && char.IsLetter(value[i - 1]) ? char.ToLowerInvariant(value[i]) : char.ToUpperInvariant(value[i]);
        }

        return new string(characters);
    });

    /// <summary>A capital, then small letters.</summary>
    public static TemplateText Capitalize(TemplateText text) =>
        text.With(value => value.Length == 0 ? value : char.ToUpperInvariant(value[0]) + value[1..].ToLowerInvariant());

    private static int NextEmpty(string text, int at) => at >= text.Length ? -1 : at + (char.IsSurrogatePair(text, at) ? 2 : 1);

    private static List<object?> SplitAt(TemplateText text, string separator, int most)
    {
        var parts = new List<object?>();
        var at = 0;
        while (most < 0 || parts.Count < most)
        {
            var found = text.Value.IndexOf(separator, at, StringComparison.Ordinal);
            if (found < 0)
            {
                break;
            }

            parts.Add(text.Slice(at, found));
            at = found + separator.Length;
        }

        parts.Add(text.Slice(at, text.Length));
        return parts;
    }

    private static List<object?> SplitBlank(TemplateText text, int most)
    {
        var parts = new List<object?>();
        var at = 0;
        while (true)
        {
            while (at < text.Length && Python.IsSpace(text.Value[at]))
            {
                at++;
            }

            if (at >= text.Length)
            {
                return parts;
            }

            if (most >= 0 && parts.Count == most)
            {
                var end = text.Length;
                while (Python.IsSpace(text.Value[end - 1]))
                {
                    end--;
                }

                parts.Add(text.Slice(at, end));
                return parts;
            }

            var start = at;
            while (at < text.Length && !Python.IsSpace(text.Value[at]))
            {
                at++;
            }

            parts.Add(text.Slice(start, at));
        }
    }
}
