using System.Buffers;
using System.Text;
using System.Text.RegularExpressions;

namespace Axpo.Training.Tokenization;

/// <summary>
/// A byte-level BPE read from a Hugging Face <c>tokenizer.json</c>: ids are those of <c>encode(add_special_tokens=False)</c>. Untrusted text is encoded by
/// <see cref="Encode(string)"/>, which knows no added token at all; added tokens are reached by <see cref="EncodeTrusted"/>, <see cref="Encode(string, ReadOnlySpan{bool})"/> and
/// <see cref="Added"/> only. Half a surrogate pair counts as U+FFFD; bytes that the vocabulary lacks vanish, as they do there. Thread-safe.
/// </summary>
public sealed class TextTokenizer
{
    /// <summary>Stands for an untrusted character while added tokens are searched: none holds it.</summary>
    private const char Mask = '\uFFFF';

    private readonly BytePairEncoding _merges;
    private readonly byte[][] _bytes;
    private readonly HashSet<int> _special;
    private readonly Dictionary<string, int> _added;
    private readonly Regex? _addedPattern;
    private readonly IReadOnlyList<IPreTokenizer> _stages;
    private readonly bool _isNfc;
    private readonly Dictionary<string, int>? _whole;

    private TextTokenizer(TokenizerFile file)
    {
        _merges = new BytePairEncoding(file.Vocabulary, file.Merges);
        _stages = file.PreTokenizers;
        _isNfc = file.IsNfc;
        _added = file.Added.ToDictionary(token => token.Content, token => token.Id, StringComparer.Ordinal);
        _special = [.. file.Added.Where(token => token.IsSpecial).Select(token => token.Id)];
        _addedPattern = _added.Count == 0
            ? null
            : new Regex(string.Join('|', _added.Keys.OrderByDescending(k => k.Length).Select(Regex.Escape)), RegexOptions.CultureInvariant, TimeSpan.FromSeconds(10));
        _whole = file.IgnoreMerges ? file.Vocabulary.Where(pair => !_added.ContainsKey(pair.Key)).ToDictionary(StringComparer.Ordinal) : null;
        _bytes = new byte[Math.Max(file.Vocabulary.Values.Max(), _added.Values.DefaultIfEmpty(-1).Max()) + 1][];
        Array.Fill(_bytes, []);
        foreach (var (token, id) in file.Vocabulary.Concat(_added))
        {
            _bytes[id] = ByteAlphabet.Decode(token);
        }

        TemplatePrefix = file.TemplatePrefix;
    }

    /// <summary>Ids, added tokens included.</summary>
    public int Size => _bytes.Length;

    /// <summary>Added tokens by their text.</summary>
    public IReadOnlyDictionary<string, int> AddedTokens => _added;

    /// <summary>Ids that the tokenizer's post-processor would put before a text (often the token that begins a text). No method here adds them: a chat template writes its own.</summary>
    public IReadOnlyList<int> TemplatePrefix { get; }

    /// <summary>Reads <c>tokenizer.json</c> of a model folder.</summary>
    /// <exception cref="FileNotFoundException">There is none.</exception>
    /// <exception cref="NotSupportedException">A part of the tokenizer is of a kind that is not supported; the message names it.</exception>
    /// <exception cref="PlatformNotSupportedException">The tokenizer needs NFC, and this process runs without ICU.</exception>
    /// <exception cref="InvalidDataException">The file is damaged; the message names the field.</exception>
    public static TextTokenizer FromFolder(string folder)
    {
        var path = Path.Combine(folder, "tokenizer.json");
        if (!File.Exists(path))
        {
            throw new FileNotFoundException($"model: '{folder}' holds no tokenizer.json", path);
        }

        var file = TokenizerFile.Read(path);
        if (file.IsNfc && "e\u0301".Normalize(NormalizationForm.FormC).Length != 1)
        {
            throw new PlatformNotSupportedException(
                $"{path}: normalizer NFC needs ICU, and .NET runs here in invariant globalization mode; install libicu and unset DOTNET_SYSTEM_GLOBALIZATION_INVARIANT");
        }

        return new TextTokenizer(file);
    }

    /// <summary>Untrusted text: no added token can come out of it.</summary>
    /// <exception cref="RegexMatchTimeoutException">The tokenizer's pattern takes more than 10 s for one match in this text.</exception>
    public int[] Encode(string text)
    {
        var ids = new List<int>();
        AppendPlain(WellFormed(text), ids);
        return [.. ids];
    }

    /// <summary>Our own text: added tokens are found first (the longest at each place), the rest is encoded as ever.</summary>
    public int[] EncodeTrusted(string text) => Encode(text, []);

    /// <summary>Text of which parts are untrusted: an added token is found only where all of it is trusted; what lies between two of them is encoded as one text, whoever wrote it.</summary>
    /// <param name="text">Text.</param>
    /// <param name="untrusted">For each UTF-16 unit whether it is untrusted; empty: nothing is.</param>
    /// <exception cref="ArgumentException">There are flags, and not one a unit.</exception>
    public int[] Encode(string text, ReadOnlySpan<bool> untrusted)
    {
        ArgumentNullException.ThrowIfNull(text);
        if (untrusted.Length != 0 && untrusted.Length != text.Length)
        {
            throw new ArgumentException($"{untrusted.Length} flags for a text of {text.Length} units; give one each, or none", nameof(untrusted));
        }

        var ids = new List<int>();
        var whole = WellFormed(text);
        var at = 0;
        if (_addedPattern is not null)
        {
            foreach (var match in _addedPattern.EnumerateMatches(Masked(whole, untrusted)))
            {
                AppendPlain(whole[at..match.Index], ids);
                ids.Add(_added[whole.Substring(match.Index, match.Length)]);
                at = match.Index + match.Length;
            }
        }

        AppendPlain(whole[at..], ids);
        return [.. ids];
    }

    /// <summary>Id of an added token.</summary>
    /// <exception cref="KeyNotFoundException">There is no such added token.</exception>
    public int Added(string token) => _added.TryGetValue(token, out var id) ? id : throw new KeyNotFoundException($"tokenizer.json: added token '{token}' is missing");

    /// <summary>Bytes of a token; none for an id that the tokenizer does not have.</summary>
    public ReadOnlySpan<byte> Bytes(int token) => (uint)token < (uint)_bytes.Length ? _bytes[token] : [];

    /// <summary>Text of tokens; bytes that are no UTF-8 become U+FFFD, one for each maximal part of a character.</summary>
    public string Decode(ReadOnlySpan<int> tokens) => Decode(tokens, skipSpecial: false);

    /// <summary>Text of tokens, with or without the added ones that are special.</summary>
    public string Decode(ReadOnlySpan<int> tokens, bool skipSpecial)
    {
        var buffer = new ArrayBufferWriter<byte>();
        foreach (var token in tokens)
        {
            if (!skipSpecial || !_special.Contains(token))
            {
                buffer.Write(Bytes(token));
            }
        }

        return Encoding.UTF8.GetString(buffer.WrittenSpan);
    }

    /// <summary>Text without added tokens.</summary>
    private void AppendPlain(string text, List<int> ids)
    {
        if (text.Length == 0)
        {
            return;
        }

        List<string> pieces = [_isNfc ? Normalized(text) : text];
        foreach (var stage in _stages)
        {
            var finer = new List<string>(pieces.Count);
            foreach (var piece in pieces)
            {
                stage.Split(piece, finer);
            }

            pieces = finer;
        }

        foreach (var piece in pieces)
        {
            AppendPiece(ByteAlphabet.Encode(piece), ids);
        }
    }

    private void AppendPiece(string piece, List<int> ids)
    {
        if (_whole is not null && _whole.TryGetValue(piece, out var id))
        {
            ids.Add(id);
        }
        else
        {
            _merges.Append(piece, ids);
        }
    }

    /// <summary>NFC. .NET refuses the noncharacter U+FFFE, which combines with nothing: the texts around it are normalised by themselves.</summary>
    private static string Normalized(string text) => string.Join('\uFFFE', text.Split('\uFFFE').Select(part => part.Normalize(NormalizationForm.FormC)));

    private static string Masked(string text, ReadOnlySpan<bool> untrusted)
    {
        if (!untrusted.Contains(true))
        {
            return text;
        }

        var characters = text.ToCharArray();
        for (var i = 0; i < characters.Length; i++)
        {
            characters[i] = untrusted[i] ? Mask : characters[i];
        }

        return new string(characters);
    }

    private static string WellFormed(string text)
    {
        for (var i = 0; i < text.Length; i++)
        {
            if (char.IsSurrogate(text[i]))
            {
                return Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(text));
            }
        }

        return text;
    }
}
