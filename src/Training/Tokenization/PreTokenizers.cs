using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace Axpo.Training.Tokenization;

/// <summary>Cuts text into the pieces inside which a BPE merges.</summary>
internal interface IPreTokenizer
{
    /// <summary>Appends the pieces of a text in order.</summary>
    void Split(string text, List<string> pieces);
}

/// <summary>Pre-tokenizers by their JSON; see Hugging Face's tokenizers, <c>src/pre_tokenizers</c>.</summary>
internal static class PreTokenizers
{
    /// <summary>Pattern of GPT-2, which ByteLevel uses where it has <c>use_regex</c>.</summary>
    private static readonly Regex Gpt2 = new(@"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+", RegexOptions.CultureInvariant, TimeSpan.FromSeconds(10));

    /// <summary>Reads <c>pre_tokenizer</c>: the stages in order. The last one must be ByteLevel, whose byte alphabet the BPE then expects.</summary>
    /// <exception cref="NotSupportedException">A kind or an option is not supported.</exception>
    public static IReadOnlyList<IPreTokenizer> Read(JsonField field)
    {
        var stages = new List<IPreTokenizer>();
        JsonField[] parts = Kind(field) == "Sequence" ? [.. field["pretokenizers"].Items()] : [field];
        for (var i = 0; i < parts.Length; i++)
        {
            var isLast = i == parts.Length - 1;
            var kind = Kind(parts[i]);
            switch (kind)
            {
                case "Split" when !isLast:
                    stages.Add(new RegexSplit(SplitPattern(parts[i])));
                    break;
                case "Digits" when !isLast:
                    stages.Add(new DigitSplit(parts[i].Flag("individual_digits")));
                    break;
                case "ByteLevel" when isLast:
                    AddByteLevel(parts[i], stages);
                    break;
                default:
                    throw parts[i]["type"].Unsupported(isLast ? "ByteLevel as the last pre-tokenizer" : "Split and Digits before ByteLevel");
            }
        }

        return parts.Length > 0 ? stages : throw field["pretokenizers"].Unsupported("a sequence that ends with ByteLevel");
    }

    private static string Kind(JsonField field) => field["type"].Text();

    private static void AddByteLevel(JsonField field, List<IPreTokenizer> stages)
    {
        if (field.Flag("add_prefix_space"))
        {
            stages.Add(new PrefixSpace());
        }

        // Absent in old files, where it was always on.
        if (field.Find("use_regex") is null || field.Flag("use_regex"))
        {
            stages.Add(new RegexSplit(Gpt2));
        }
    }

    private static Regex SplitPattern(JsonField field)
    {
        var behavior = field["behavior"];
        if (behavior.Text() != "Isolated")
        {
            throw behavior.Unsupported("Isolated");
        }

        if (field.Flag("invert"))
        {
            throw field["invert"].Unsupported("false");
        }

        var pattern = field["pattern"];
        return UnicodePattern.Parse(pattern.Find("Regex") ?? throw pattern.Unsupported("Regex"));
    }
}

/// <summary>Each match is a piece, and so is what lies between two of them.</summary>
internal sealed class RegexSplit(Regex pattern) : IPreTokenizer
{
    /// <inheritdoc/>
    public void Split(string text, List<string> pieces)
    {
        int[]? starts = null;
        var matched = AstralStandIns.IsNeeded(text) ? AstralStandIns.Replace(text, out starts) : text;
        var at = 0;
        foreach (var match in pattern.EnumerateMatches(matched))
        {
            Add(at, match.Index);
            Add(match.Index, match.Index + match.Length);
            at = match.Index + match.Length;
        }

        Add(at, matched.Length);

        void Add(int from, int to)
        {
            if (to > from)
            {
                pieces.Add(starts is null ? text[from..to] : text[starts[from]..starts[to]]);
            }
        }
    }
}

/// <summary>Numeric characters (general category N) by themselves: one by one, or run by run.</summary>
internal sealed class DigitSplit(bool individual) : IPreTokenizer
{
    /// <inheritdoc/>
    public void Split(string text, List<string> pieces)
    {
        var (start, at) = (0, 0);
        var wasDigit = false;
        foreach (var rune in text.EnumerateRunes())
        {
            var isDigit = Rune.GetUnicodeCategory(rune) is UnicodeCategory.DecimalDigitNumber or UnicodeCategory.LetterNumber or UnicodeCategory.OtherNumber;
            if (at > start && (isDigit != wasDigit || (isDigit && individual)))
            {
                pieces.Add(text[start..at]);
                start = at;
            }

            wasDigit = isDigit;
            at += rune.Utf16SequenceLength;
        }

        if (at > start)
        {
            pieces.Add(text[start..at]);
        }
    }
}

/// <summary>A piece that does not start with a space gets one.</summary>
internal sealed class PrefixSpace : IPreTokenizer
{
    /// <inheritdoc/>
    public void Split(string text, List<string> pieces) => pieces.Add(text.StartsWith(' ') ? text : " " + text);
}
