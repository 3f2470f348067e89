using System.Text;

namespace Axpo.Training.Tokenization;

/// <summary>
/// Text of tokens as they come: what may still become a character is withheld, what can no longer become one gives U+FFFD (one for each maximal part, as WHATWG decodes UTF-8). All pieces
/// together are what <see cref="TextTokenizer.Decode(ReadOnlySpan{int})"/> gives for all tokens. Not thread-safe.
/// </summary>
public sealed class StreamingDecoder(TextTokenizer tokenizer)
{
    private readonly Decoder _decoder = Encoding.UTF8.GetDecoder();

    /// <summary>Takes a token.</summary>
    /// <returns>The text that is now known beyond what was known before; may be empty.</returns>
    public string Append(int token) => Decode(tokenizer.Bytes(token), flush: false);

    /// <summary>Takes the end: what was withheld becomes one U+FFFD.</summary>
    /// <returns>The rest of the text; empty if nothing was withheld.</returns>
    public string Finish() => Decode([], flush: true);

    private string Decode(ReadOnlySpan<byte> bytes, bool flush)
    {
        var characters = new char[Encoding.UTF8.GetMaxCharCount(bytes.Length)];
        var count = _decoder.GetChars(bytes, characters, flush);
        return new string(characters, 0, count);
    }
}
