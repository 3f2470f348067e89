using Axpo.Training.Tokenization;

namespace Axpo.Training.Chat;

/// <summary>How a tag that is not one token is spelled in tokens.</summary>
internal static class Spellings
{
    // What usually stands before and after a closing tag, and may share a token with it.
    private static readonly string[] Before = ["", "\n", "}", "}}", "\"}}", "}\n", " ", "]}}"];
    private static readonly string[] After = ["", "\n", "\n\n", " ", "<"];

    /// <summary>Token sequences that end with the tag: those of the tokenizer itself between usual neighbours. A policy may spell a tag in other ways; its turn then goes on to its end.</summary>
    public static int[][] Of(TextTokenizer tokenizer, string tag)
    {
        var found = new Dictionary<string, int[]>(StringComparer.Ordinal);
        foreach (var before in Before)
        {
            foreach (var after in After)
            {
                var tokens = Inside(tokenizer, before, tag, after);
                found.TryAdd(string.Join(',', tokens), tokens);
            }
        }

        return [.. found.Values];
    }

    /// <summary>Tokens of the whole text, from the one in which the tag begins to the one in which it ends.</summary>
    private static int[] Inside(TextTokenizer tokenizer, string before, string tag, string after)
    {
        var tokens = tokenizer.Encode(before + tag + after);
        var (first, last, at) = (0, 0, 0);
        for (var i = 0; i < tokens.Length; i++)
        {
            first = at <= before.Length ? i : first;
            last = at < before.Length + tag.Length ? i : last;
            at += tokenizer.Bytes(tokens[i]).Length;
        }

        return tokens[first..(last + 1)];
    }
}
