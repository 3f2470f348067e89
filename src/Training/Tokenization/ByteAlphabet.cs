namespace Axpo.Training.Tokenization;

/// <summary>The byte-level alphabet of GPT-2: every byte has a printable character, so that any text has tokens.</summary>
public static class ByteAlphabet
{
    private static readonly char[] Characters = Make();
    private static readonly Dictionary<char, byte> Bytes = Characters.Select((c, b) => (c, b)).ToDictionary(p => p.c, p => (byte)p.b);

    /// <summary>The 256 characters, by byte.</summary>
    public static IReadOnlyList<char> All => Characters;

    /// <summary>A text's UTF-8 bytes as characters of the alphabet.</summary>
    public static string Encode(string text) => string.Create(System.Text.Encoding.UTF8.GetByteCount(text), text, static (span, t) =>
    {
        var bytes = System.Text.Encoding.UTF8.GetBytes(t);
        for (var i = 0; i < bytes.Length; i++)
        {
            span[i] = Characters[bytes[i]];
        }
    });

    /// <summary>Whether a character is one of the alphabet.</summary>
    public static bool Holds(char c) => Bytes.ContainsKey(c);

    /// <summary>The bytes that a token stands for; a token with a character outside the alphabet stands for its own UTF-8, as in Hugging Face's ByteLevel decoder.</summary>
    public static byte[] Decode(string token) => token.All(Holds) ? [.. token.Select(c => Bytes[c])] : System.Text.Encoding.UTF8.GetBytes(token);

    private static char[] Make()
    {
        var characters = new char[256];
        var next = 256;
        for (var b = 0; b < 256; b++)
        {
            characters[b] = b is (>= '!' and <= '~') or (>= 0xA1 and <= 0xAC) or (>= 0xAE and <= 0xFF) ? (char)b : (char)next++;
        }

        return characters;
    }
}
