using System.Text.Json.Nodes;
using Axpo.Training.Tokenization;

namespace Axpo.Training.Tests.Tokenization;

/// <summary>A small valid tokenizer.json to change one thing of.</summary>
internal static class TinyTokenizerJson
{
    public static JsonObject Make()
    {
        var vocabulary = new JsonObject();
        foreach (var c in ByteAlphabet.All)
        {
            vocabulary.Add(c.ToString(), vocabulary.Count);
        }

        vocabulary.Add("ab", vocabulary.Count);
        vocabulary.Add("abc", vocabulary.Count);
        vocabulary.Add("Ġa", vocabulary.Count);
        return new JsonObject
        {
            ["added_tokens"] = new JsonArray(Added(259, "<s>"), Added(260, "<s>>"), Added(261, "s>x")),
            ["normalizer"] = null,
            ["pre_tokenizer"] = new JsonObject { ["type"] = "ByteLevel", ["add_prefix_space"] = false, ["use_regex"] = true },
            ["post_processor"] = null,
            ["decoder"] = new JsonObject { ["type"] = "ByteLevel" },
            ["model"] = new JsonObject { ["type"] = "BPE", ["vocab"] = vocabulary, ["merges"] = new JsonArray("a b", new JsonArray("ab", "c"), "Ġ a") },
        };
    }

    public static JsonObject Added(int id, string content) => new()
    {
        ["id"] = id,
        ["content"] = content,
        ["single_word"] = false,
        ["lstrip"] = false,
        ["rstrip"] = false,
        ["normalized"] = false,
        ["special"] = true,
    };

    public static TextTokenizer Read(JsonNode json) => Read(json.ToJsonString());

    public static TextTokenizer Read(string json)
    {
        var folder = Directory.CreateTempSubdirectory("axpo-test-").FullName;
        try
        {
            File.WriteAllText(Path.Combine(folder, "tokenizer.json"), json);
            return TextTokenizer.FromFolder(folder);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
