using System.Text;

namespace Axpo.Environments.Suites;

/// <summary>
/// Names that nobody has, in the manner of real ones: each letter follows the two before it as often as it does in the samples, and now and then any letter
/// stands in its place, so that rare spellings are met too.
/// </summary>
internal sealed class MadeUpNames
{
    private const int ShortestWord = 3;
    private const int LongestWord = 11;
    private const char End = '\n';

    private readonly Dictionary<string, List<char>> _next = new(StringComparer.Ordinal);

    /// <summary>Learns from samples; words are taken one by one.</summary>
    public MadeUpNames(IEnumerable<string> samples)
    {
        foreach (var word in samples.SelectMany(s => s.Split(' ')).Where(w => w.Length >= ShortestWord && w.All(char.IsAsciiLetter)))
        {
            var text = "  " + word.ToLowerInvariant() + End;
            for (var i = 2; i < text.Length; i++)
            {
                Learn(text[(i - 2)..i], text[i]);
                Learn(text[(i - 1)..i], text[i]);
            }
        }
    }

    /// <summary>One word, capitalised.</summary>
    public string Draw(ChanceStream chance)
    {
        var name = new StringBuilder("  ");
        while (name.Length < LongestWord + 2)
        {
            var follows = _next.GetValueOrDefault(name.ToString(name.Length - 2, 2)) ?? _next.GetValueOrDefault(name.ToString(name.Length - 1, 1));
            var letter = follows is null || chance.Next(20) == 0 ? (char)('a' + chance.Next(26)) : chance.Pick(follows);
            if (letter != End)
            {
                name.Append(letter);
            }
            else if (name.Length >= ShortestWord + 2)
            {
                break;
            }
            else
            {
                name.Append((char)('a' + chance.Next(26)));
            }
        }

        name[2] = char.ToUpperInvariant(name[2]);
        return name.ToString(2, name.Length - 2);
    }

    private void Learn(string context, char next)
    {
        if (!_next.TryGetValue(context, out var letters))
        {
            _next.Add(context, letters = []);
        }

        letters.Add(next);
    }
}
