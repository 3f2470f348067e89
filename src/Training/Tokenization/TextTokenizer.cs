using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Microsoft.ML.Tokenizers;

namespace Axpo.Training.Tokenization;

/// <summary>
/// A byte-level BPE read from a Hugging Face <c>tokenizer.json</c>. Untrusted text is encoded by <see cref="Encode"/>, which knows no added token at all;
/// added tokens are reached by <see cref="EncodeTrusted"/> and <see cref="Added"/> only. Thread-safe.
/// </summary>
public sealed class TextTokenizer
{
    private readonly BpeTokenizer _bpe;
    private readonly byte[][] _bytes;
    private readonly Dictionary<string, int> _added;
    private readonly Regex? _addedPattern;

    private TextTokenizer(BpeTokenizer bpe, byte[][] bytes, Dictionary<string, int> added)
    {
        _bpe = bpe;
        _bytes = bytes;
        _added = added;
        _addedPattern = added.Count == 0 ? null : new Regex(string.Join('|', added.Keys.OrderByDescending(k => k.Length).Select(Regex.Escape)), RegexOptions.CultureInvariant, TimeSpan.FromSeconds(10));
    }

    /// <summary>Ids, added tokens included.</summary>
    public int Size => _bytes.Length;

    /// <summary>Added tokens by their text.</summary>
    public IReadOnlyDictionary<string, int> AddedTokens => _added;

    /// <summary>Reads <c>tokenizer.json</c> of a model folder.</summary>
    /// <exception cref="FileNotFoundException">There is none.</exception>
    /// <exception cref="NotSupportedException">A part of the tokenizer is of a kind that is not supported; the message names it.</exception>
    /// <exception cref="InvalidDataException">The file is damaged.</exception>
    public static TextTokenizer FromFolder(string folder)
    {
        var path = Path.Combine(folder, "tokenizer.json");
        if (!File.Exists(path))
        {
            throw new FileNotFoundException($"model: '{folder}' holds no tokenizer.json", path);
        }

        using var json = JsonDocument.Parse(File.ReadAllBytes(path));
        var root = json.RootElement;
        var model = root.GetProperty("model");
        Require(path, "model.type", model.GetProperty("type").GetString(), "BPE");
        var vocabulary = model.GetProperty("vocab").EnumerateObject().ToDictionary(p => p.Name, p => p.Value.GetInt32(), StringComparer.Ordinal);
        var merges = model.GetProperty("merges").EnumerateArray().Select(m =>
            m.ValueKind == JsonValueKind.Array ? $"{m[0].GetString()} {m[1].GetString()}" : m.GetString()!).ToList();
        if (root.TryGetProperty("normalizer", out var normalizer) && normalizer.ValueKind != JsonValueKind.Null)
        {
            throw new NotSupportedException($"{path}: normalizer '{normalizer.GetProperty("type").GetString()}' is not supported; supported: none");
        }

        var added = root.GetProperty("added_tokens").EnumerateArray().ToDictionary(t => t.GetProperty("content").GetString()!, t => t.GetProperty("id").GetInt32(), StringComparer.Ordinal);
        var size = Math.Max(vocabulary.Values.DefaultIfEmpty(-1).Max(), added.Values.DefaultIfEmpty(-1).Max()) + 1;
        var bytes = new byte[size][];
        Array.Fill(bytes, []);
        foreach (var (token, id) in vocabulary)
        {
            bytes[id] = ByteAlphabet.Decode(token);
        }

        foreach (var (token, id) in added)
        {
            bytes[id] = Encoding.UTF8.GetBytes(token);
        }

        var options = new BpeOptions(vocabulary)
        {
            Merges = merges,
            ByteLevel = true,
            PreTokenizer = new RegexPreTokenizer(new Regex(SplitPattern(path, root), RegexOptions.CultureInvariant, TimeSpan.FromSeconds(10)), null),
        };
        return new TextTokenizer(BpeTokenizer.Create(options), bytes, added);
    }

    /// <summary>Untrusted text: no added token can come out of it.</summary>
    public int[] Encode(string text) => text.Length == 0 ? [] : [.. _bpe.EncodeToIds(text, considerPreTokenization: true, considerNormalization: false)];

    /// <summary>Our own text: added tokens are found first (the longest at each place), the rest is encoded as ever.</summary>
    public int[] EncodeTrusted(string text)
    {
        if (_addedPattern is null)
        {
            return Encode(text);
        }

        var ids = new List<int>();
        var at = 0;
        foreach (var match in _addedPattern.EnumerateMatches(text))
        {
            ids.AddRange(Encode(text[at..match.Index]));
            ids.Add(_added[text.Substring(match.Index, match.Length)]);
            at = match.Index + match.Length;
        }

        ids.AddRange(Encode(text[at..]));
        return [.. ids];
    }

    /// <summary>Id of an added token.</summary>
    /// <exception cref="KeyNotFoundException">There is no such added token.</exception>
    public int Added(string token) => _added.TryGetValue(token, out var id) ? id : throw new KeyNotFoundException($"tokenizer.json: added token '{token}' is missing");

    /// <summary>Text of tokens; bytes that are no UTF-8 become U+FFFD.</summary>
    public string Decode(ReadOnlySpan<int> tokens)
    {
        using var buffer = new MemoryStream();
        foreach (var token in tokens)
        {
            if ((uint)token < (uint)_bytes.Length)
            {
                buffer.Write(_bytes[token]);
            }
        }

        return Encoding.UTF8.GetString(buffer.GetBuffer(), 0, (int)buffer.Length);
    }

    private static string SplitPattern(string path, JsonElement root)
    {
        var pre = root.GetProperty("pre_tokenizer");
        Require(path, "pre_tokenizer.type", pre.GetProperty("type").GetString(), "Sequence");
        var parts = pre.GetProperty("pretokenizers").EnumerateArray().ToArray();
        if (parts.Length != 2)
        {
            throw new NotSupportedException($"{path}: pre_tokenizer has {parts.Length} parts; supported: Split, then ByteLevel");
        }

        Require(path, "pre_tokenizer[0].type", parts[0].GetProperty("type").GetString(), "Split");
        Require(path, "pre_tokenizer[0].behavior", parts[0].GetProperty("behavior").GetString(), "Isolated");
        Require(path, "pre_tokenizer[1].type", parts[1].GetProperty("type").GetString(), "ByteLevel");
        return parts[0].GetProperty("pattern").GetProperty("Regex").GetString()!;
    }

    private static void Require(string path, string field, string? value, string supported)
    {
        if (value != supported)
        {
            throw new NotSupportedException($"{path}: {field} '{value}' is not supported; supported: {supported}");
        }
    }
}
