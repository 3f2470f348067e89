using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace Axpo.Training.Tokenization;

/// <summary>
/// Builds the tokenizer of axpo-tiny: a byte-level BPE whose numbers are cut left to right in groups of up to three digits, each group one token (number
/// tokens are what makes copying cheap for a small policy), whose common words are whole tokens, whose names are cut into pieces of about two letters (few
/// enough that a small policy meets every one of them often, which is what copying unseen names needs), and whose tags and call scaffolding are added tokens.
/// A capitalised word has the same tokens wherever it stands: the space before it is a token of its own. The same corpus gives the same file.
/// </summary>
public static partial class TinyTokenizerBuilder
{
    /// <summary>Pre-tokenizer: groups of digits, capitalised words, other words with the space before them, punctuation, white space.</summary>
    public const string Pattern = @"\p{N}{1,3}|\p{Lu}\p{L}*| ?(?!\p{Lu})\p{L}+| ?[^\s\p{L}\p{N}]+|\s+";

    /// <summary>A word that a corpus holds so often becomes one token; rarer ones are cut into pieces.</summary>
    private const int Common = 200;

    /// <summary>Tags; each is one token that only the policy's side writes.</summary>
    public static IReadOnlyList<string> Tags { get; } =
        ["<im_end>", "<user>", "<think>", "</think>", "<tool_call>", "</tool_call>", "<tool_response>", "</tool_response>", "<answer>", "</answer>"];

    /// <summary>Tags of a policy that sees: before an image, a part of it, behind it, and a part of a video, which none takes.</summary>
    public static IReadOnlyList<string> PictureTags { get; } = ["<|vision_start|>", "<|image_pad|>", "<|vision_end|>", "<|video_pad|>"];

    /// <summary>Pieces of the calls that only a policy that sees learns: those with an image, and those about dates.</summary>
    public static IReadOnlyList<string> PictureScaffolding { get; } =
        ["image_zoom_in", "bbox_2d\":[", "],\"img_idx\":", "]}}", "}}", "code\":\"from datetime import*;print(", "date(", ").days", "timedelta(", ":%A}'"];

    /// <summary>Pieces of a call and of an answer.</summary>
    public static IReadOnlyList<string> Scaffolding { get; } =
        ["{\"name\":\"", "\",\"arguments\":{\"", "code\":\"print(", ")\"}}", "query\":\"", "\"}}", "\\boxed{", "web_search"];

    /// <summary>Writes <c>tokenizer.json</c> and <c>tokenizer_config.json</c>.</summary>
    /// <param name="folder">Existing folder.</param>
    /// <param name="corpus">Texts whose words become tokens.</param>
    /// <param name="merges">Merges to learn for common words, at most.</param>
    /// <param name="pairs">Two-letter pieces to learn for rare words, names above all.</param>
    /// <param name="sees">Whether the policy takes images.</param>
    public static void Write(string folder, IEnumerable<string> corpus, int merges, int pairs, bool sees = false)
    {
        string[] tags = [.. Tags, .. sees ? PictureTags : []];
        string[] scaffolding = [.. Scaffolding, .. sees ? PictureScaffolding : []];
        var words = Count(corpus);
        var vocabulary = new Dictionary<string, int>(StringComparer.Ordinal);
        foreach (var c in ByteAlphabet.All)
        {
            vocabulary.Add(c.ToString(), vocabulary.Count);
        }

        var learnt = new List<(string Left, string Right)>();
        foreach (var (left, right) in NumberMerges().Concat(LearnWords(words, merges)).Concat(LearnPairs(words, pairs)))
        {
            if (vocabulary.TryAdd(left + right, vocabulary.Count))
            {
                learnt.Add((left, right));
            }
        }

        var added = new JsonArray();
        foreach (var token in tags.Concat(scaffolding))
        {
            added.Add(new JsonObject
            {
                ["id"] = vocabulary.Count + added.Count,
                ["content"] = token,
                ["single_word"] = false,
                ["lstrip"] = false,
                ["rstrip"] = false,
                ["normalized"] = false,
                ["special"] = tags.Contains(token),
            });
        }

        var json = new JsonObject
        {
            ["version"] = "1.0",
            ["truncation"] = null,
            ["padding"] = null,
            ["added_tokens"] = added,
            ["normalizer"] = null,
            ["pre_tokenizer"] = new JsonObject
            {
                ["type"] = "Sequence",
                ["pretokenizers"] = new JsonArray(
                    new JsonObject { ["type"] = "Split", ["pattern"] = new JsonObject { ["Regex"] = Pattern }, ["behavior"] = "Isolated", ["invert"] = false },
                    new JsonObject { ["type"] = "ByteLevel", ["add_prefix_space"] = false, ["trim_offsets"] = true, ["use_regex"] = false }),
            },
            ["post_processor"] = null,
            ["decoder"] = new JsonObject { ["type"] = "ByteLevel", ["add_prefix_space"] = true, ["trim_offsets"] = true, ["use_regex"] = true },
            ["model"] = new JsonObject
            {
                ["type"] = "BPE",
                ["dropout"] = null,
                ["unk_token"] = null,
                ["continuing_subword_prefix"] = null,
                ["end_of_word_suffix"] = null,
                ["fuse_unk"] = false,
                ["byte_fallback"] = false,
                ["ignore_merges"] = false,
                ["vocab"] = new JsonObject(vocabulary.Select(v => KeyValuePair.Create<string, JsonNode?>(v.Key, v.Value))),
                ["merges"] = new JsonArray([.. learnt.Select(p => (JsonNode)new JsonArray(p.Left, p.Right))]),
            },
        };
        var options = new JsonSerializerOptions { WriteIndented = false };
        File.WriteAllText(Path.Combine(folder, "tokenizer.json"), json.ToJsonString(options));
        File.WriteAllText(Path.Combine(folder, "tokenizer_config.json"), new JsonObject
        {
            ["tokenizer_class"] = "PreTrainedTokenizerFast",
            ["model_max_length"] = 1024,
            ["eos_token"] = "<im_end>",
            ["pad_token"] = "<im_end>",
            ["clean_up_tokenization_spaces"] = false,
            ["chat_template"] = "{% for m in messages %}{% if m['role'] == 'tool' %}<tool_response>{{ m['content'] }}</tool_response>{% elif m['role'] == 'user' %}<user>{{ m['content'] }}<im_end>{% else %}{{ m['content'] }}{% endif %}{% endfor %}",
            ["axpo_chat"] = "tiny",
        }.ToJsonString(new JsonSerializerOptions { WriteIndented = true }));
    }

    /// <summary>
    /// Merges that make every group of two or three digits one token. A BPE merges the pair of lowest rank first, and 00..99 have their ranks in order: abc
    /// is reached from ab + c where ab is not above bc, else from a + bc.
    /// </summary>
    private static IEnumerable<(string Left, string Right)> NumberMerges()
    {
        for (var n = 0; n < 100; n++)
        {
            yield return (Digit(n / 10), Digit(n % 10));
        }

        for (var n = 0; n < 1000; n++)
        {
            var (ab, bc) = (n / 10, n % 100);
            yield return ab <= bc ? (Pair(ab), Digit(n % 10)) : (Digit(n / 100), Pair(bc));
        }

        static string Digit(int d) => ((char)('0' + d)).ToString();
        static string Pair(int p) => Digit(p / 10) + Digit(p % 10);
    }

    /// <summary>Words of a corpus, in the byte alphabet, with how often each stands there.</summary>
    private static Dictionary<string, int> Count(IEnumerable<string> corpus)
    {
        var counts = new Dictionary<string, int>(StringComparer.Ordinal);
        foreach (var text in corpus)
        {
            foreach (var match in Words().EnumerateMatches(text))
            {
                var word = ByteAlphabet.Encode(text.Substring(match.Index, match.Length));
                if (!word.Any(char.IsAsciiDigit))
                {
                    counts[word] = counts.GetValueOrDefault(word) + 1;
                }
            }
        }

        return counts;
    }

    /// <summary>The two-letter pieces that stand in most of the rare words, ties by ordinal order. Capitals are not joined, so that codes are spelt out.</summary>
    private static IEnumerable<(string Left, string Right)> LearnPairs(Dictionary<string, int> counts, int pairs) => counts
        .Where(w => w.Value < Common)
        .SelectMany(w => w.Key.Zip(w.Key.Skip(1)))
        .Where(p => char.IsAsciiLetter(p.First) && char.IsAsciiLetterLower(p.Second))
        .GroupBy(p => $"{p.First}{p.Second}", StringComparer.Ordinal)
        .OrderByDescending(g => g.Count())
        .ThenBy(g => g.Key, StringComparer.Ordinal)
        .Take(pairs)
        .Select(g => (g.Key[..1], g.Key[1..]));

    /// <summary>Plain BPE training on the common words: the most frequent pair of neighbours, ties by ordinal order of the pair.</summary>
    private static IEnumerable<(string Left, string Right)> LearnWords(Dictionary<string, int> counts, int merges)
    {
        var words = counts.Where(c => c.Value >= Common).OrderBy(c => c.Key, StringComparer.Ordinal).Select(c => (Pieces: c.Key.Select(x => x.ToString()).ToList(), Count: c.Value)).ToList();
        for (var i = 0; i < merges; i++)
        {
            var pairs = new Dictionary<(string, string), int>();
            foreach (var (pieces, count) in words)
            {
                for (var p = 0; p + 1 < pieces.Count; p++)
                {
                    var pair = (pieces[p], pieces[p + 1]);
                    pairs[pair] = pairs.GetValueOrDefault(pair) + count;
                }
            }

            if (pairs.Count == 0)
            {
                yield break;
            }

            var best = pairs.OrderByDescending(p => p.Value).ThenBy(p => p.Key.Item1 + " " + p.Key.Item2, StringComparer.Ordinal).First().Key;
            yield return best;
            foreach (var (pieces, _) in words)
            {
                for (var p = 0; p + 1 < pieces.Count; p++)
                {
                    if (pieces[p] == best.Item1 && pieces[p + 1] == best.Item2)
                    {
                        pieces[p] += pieces[p + 1];
                        pieces.RemoveAt(p + 1);
                    }
                }
            }
        }
    }

    [GeneratedRegex(Pattern, RegexOptions.CultureInvariant, matchTimeoutMilliseconds: 10_000)]
    private static partial Regex Words();
}
