using System.Text.Json.Nodes;
using Axpo.Training.Tokenization;
using Shouldly;
using Xunit;

namespace Axpo.Training.Tests.Tokenization;

/// <summary>What pre-tokenizers, added tokens and options do, in strings small enough to know by hand.</summary>
public sealed class PreTokenizerTests
{
    private const string Digits = """{"type":"Sequence","pretokenizers":[{"type":"Digits","individual_digits":X},{"type":"ByteLevel","add_prefix_space":false,"use_regex":false}]}""";

    [Fact]
    public void The_longest_added_token_at_the_leftmost_place_wins() =>
        Texts(TinyTokenizerJson.Read(TinyTokenizerJson.Make()), "s<s>>s>x<s>x").ShouldBe(["s", "<s>>", "s>x", "<s>", "x"]);

    [Fact]
    public void An_added_token_with_one_untrusted_character_is_text()
    {
        var tokenizer = TinyTokenizerJson.Read(TinyTokenizerJson.Make());
        var flags = new bool[6];
        flags[4] = true;
        tokenizer.Encode("<s><s>", flags).Select(id => tokenizer.Decode([id])).ShouldBe(["<s>", "<", "s", ">"]);
        Should.Throw<ArgumentException>(() => tokenizer.Encode("<s><s>", [true])).Message.ShouldContain("1 flags");
    }

    [Fact]
    public void A_prefix_space_is_added_where_none_is()
    {
        var json = TinyTokenizerJson.Make();
        json["pre_tokenizer"]!["add_prefix_space"] = true;
        var tokenizer = TinyTokenizerJson.Read(json);
        Texts(tokenizer, "a").ShouldBe([" a"]);
        Texts(tokenizer, " a").ShouldBe([" a"]);
    }

    [Theory]
    [InlineData("true", "ab|1|2|\u00BD|ab|\U0001D7CE|ab")]
    [InlineData("false", "ab|12\u00BD|ab|\U0001D7CE|ab")]
    public void Digits_stand_alone(string individual, string pieces)
    {
        var parts = new List<string>();
        new DigitSplit(individual == "true").Split("ab12\u00BDab\U0001D7CEab", parts);
        string.Join('|', parts).ShouldBe(pieces);
        var json = TinyTokenizerJson.Make();
        json["pre_tokenizer"] = JsonNode.Parse(Digits.Replace("X", individual, StringComparison.Ordinal));
        Texts(TinyTokenizerJson.Read(json), "ab1ab")[..3].ShouldBe(["ab", "1", "ab"]);
    }

    [Fact]
    public void A_missing_byte_vanishes_and_its_neighbours_merge()
    {
        var json = TinyTokenizerJson.Make();
        ((JsonObject)json["model"]!["vocab"]!).Remove("z");
        Texts(TinyTokenizerJson.Read(json), "azb").ShouldBe(["ab"]);
    }

    [Fact]
    public void With_ignore_merges_a_whole_piece_that_is_a_token_is_not_cut()
    {
        var json = TinyTokenizerJson.Make();
        json["model"]!["merges"] = new JsonArray("a b");
        Texts(TinyTokenizerJson.Read(json), "abc").ShouldBe(["ab", "c"]);
        json["model"]!["ignore_merges"] = true;
        Texts(TinyTokenizerJson.Read(json), "abc").ShouldBe(["abc"]);
    }

    [Fact]
    public void A_template_that_begins_a_text_is_stated_and_not_added()
    {
        var json = TinyTokenizerJson.Make();
        json["post_processor"] = JsonNode.Parse(
            """{"type":"Sequence","processors":[{"type":"ByteLevel"},{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"<s>","type_id":0}},{"Sequence":{"id":"A","type_id":0}}],"special_tokens":{"<s>":{"id":"<s>","ids":[259],"tokens":["<s>"]}}}]}""");
        var tokenizer = TinyTokenizerJson.Read(json);
        tokenizer.TemplatePrefix.ShouldBe([259]);
        Texts(tokenizer, "ab").ShouldBe(["ab"]);
    }

    [Fact]
    public void A_long_input_takes_linear_time()
    {
        // Quadratic work on a million characters would take hours, not a test's patience.
        foreach (var text in new[] { new string('a', 1_000_000), new string(' ', 1_000_000), string.Concat(Enumerable.Repeat("ab", 500_000)) })
        {
            foreach (var family in TokenizerFolders.Families)
            {
                var tokenizer = TokenizerFolders.Of(family);
                tokenizer.Decode(tokenizer.Encode(text)).ShouldBe(text);
            }
        }
    }

    private static string[] Texts(TextTokenizer tokenizer, string text) => [.. tokenizer.EncodeTrusted(text).Select(id => tokenizer.Decode([id]))];
}
