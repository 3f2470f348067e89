using System.Globalization;
using System.Text.Json.Nodes;
using CsCheck;
using Shouldly;
using Xunit;

namespace Axpo.Training.Tests.Tokenization;

public sealed class TokenizerFileTests
{
    private static readonly string[] Values = ["null", "true", "-1", "1.5", "99999999999", "\"\"", "\"x\"", "\"\\ud800\"", "\"NFC\"", "\"ByteLevel\"", "[]", "[1]", "{}", "{\"type\":\"Sequence\"}", "{\"type\":1}", "{\"\\ud800\":1}"];

    [Theory]
    [InlineData("model.type", "\"WordPiece\"", "BPE")]
    [InlineData("model.unk_token", "\"<unk>\"", "none")]
    [InlineData("model.byte_fallback", "true", "false")]
    [InlineData("model.dropout", "0.1", "null")]
    [InlineData("normalizer", """{"type":"NFKC"}""", "NFC")]
    [InlineData("decoder.type", "\"WordPiece\"", "ByteLevel")]
    [InlineData("pre_tokenizer.type", "\"Whitespace\"", "ByteLevel")]
    [InlineData("post_processor", """{"type":"BertProcessing"}""", "TemplateProcessing")]
    [InlineData("post_processor", """{"type":"TemplateProcessing","single":[{"Sequence":{"id":"A","type_id":0}},{"SpecialToken":{"id":"<s>","type_id":0}}],"special_tokens":{"<s>":{"ids":[259]}}}""", "then the text")]
    [InlineData("truncation", """{"max_length":8}""", "null")]
    [InlineData("pre_tokenizer", """{"type":"Sequence","pretokenizers":[{"type":"Split","pattern":{"String":" "},"behavior":"Isolated","invert":false},{"type":"ByteLevel"}]}""", "Regex")]
    [InlineData("pre_tokenizer", """{"type":"Sequence","pretokenizers":[{"type":"Split","pattern":{"Regex":" "},"behavior":"Removed","invert":false},{"type":"ByteLevel"}]}""", "Isolated")]
    [InlineData("pre_tokenizer", """{"type":"Sequence","pretokenizers":[{"type":"Split","pattern":{"Regex":"("},"behavior":"Isolated","invert":false},{"type":"ByteLevel"}]}""", "pattern")]
    [InlineData("pre_tokenizer", """{"type":"Sequence","pretokenizers":[{"type":"Split","pattern":{"Regex":"(?i:[ks])"},"behavior":"Isolated","invert":false},{"type":"ByteLevel"}]}""", "classes")]
    [InlineData("pre_tokenizer", """{"type":"Sequence","pretokenizers":[{"type":"Split","pattern":{"Regex":"[[:alpha:]]"},"behavior":"Isolated","invert":false},{"type":"ByteLevel"}]}""", "classes")]
    [InlineData("pre_tokenizer", """{"type":"Sequence","pretokenizers":[{"type":"Split","pattern":{"Regex":"\\w+"},"behavior":"Isolated","invert":false},{"type":"ByteLevel"}]}""", "escapes")]
    [InlineData("pre_tokenizer", """{"type":"Sequence","pretokenizers":[{"type":"Split","pattern":{"Regex":"(?m:.)"},"behavior":"Isolated","invert":false},{"type":"ByteLevel"}]}""", "groups")]
    [InlineData("pre_tokenizer", """{"type":"Sequence","pretokenizers":[{"type":"Split","pattern":{"Regex":"a$"},"behavior":"Isolated","invert":false},{"type":"ByteLevel"}]}""", "lines")]
    public void What_is_not_supported_is_refused_by_name(string field, string value, string supported)
    {
        var message = Should.Throw<NotSupportedException>(() => TinyTokenizerJson.Read(With(field, value))).Message;
        message.ShouldContain("tokenizer.json: " + field);
        message.ShouldContain(supported);
    }

    [Theory]
    [InlineData("lstrip")]
    [InlineData("rstrip")]
    [InlineData("single_word")]
    [InlineData("normalized")]
    public void An_added_token_that_takes_more_than_itself_is_refused(string option)
    {
        var json = TinyTokenizerJson.Make();
        json["added_tokens"]![0]![option] = true;
        Should.Throw<NotSupportedException>(() => TinyTokenizerJson.Read(json)).Message.ShouldContain($"added_tokens[0].{option} true");
    }

    [Theory]
    [InlineData("model.merges", """["a b","a b"]""", "model.merges[1]")]
    [InlineData("model.merges", """["a z"]""", "model.merges[0]")]
    [InlineData("model.merges", """["a"]""", "model.merges[0]")]
    [InlineData("model.vocab", "{}", "model.vocab")]
    [InlineData("model.vocab", """{"a":0,"b":0}""", "model.vocab.b")]
    [InlineData("model.vocab", """{"a":2147483647}""", "model.vocab.a")]
    [InlineData("added_tokens", """[{"id":3,"content":"<s>"}]""", "added_tokens[0].id")]
    [InlineData("added_tokens", """[{"id":300,"content":""}]""", "added_tokens[0].content")]
    [InlineData("decoder", "null", "decoder")]
    [InlineData("pre_tokenizer", "7", "pre_tokenizer is 7; it must be an object")]
    public void What_is_damaged_is_named(string field, string value, string named) =>
        Should.Throw<InvalidDataException>(() => TinyTokenizerJson.Read(With(field, value))).Message.ShouldContain("tokenizer.json: " + named);

    [Fact]
    public void A_tag_that_merges_of_plain_text_make_is_refused()
    {
        var json = TinyTokenizerJson.Make();
        json["added_tokens"] = new JsonArray(TinyTokenizerJson.Added(256, "ab"));
        Should.Throw<NotSupportedException>(() => TinyTokenizerJson.Read(json)).Message.ShouldContain("added_tokens[0].content \"ab\"");
    }

    [Fact]
    public void Any_changed_value_gives_a_tokenizer_or_one_clear_error()
    {
        var places = Places(TinyTokenizerJson.Make(), "").Where(p => !p.StartsWith("model.vocab.", StringComparison.Ordinal) || p is "model.vocab.a" or "model.vocab.ab").ToArray();
        Gen.Select(Gen.Int[0, places.Length - 1], Gen.Int[0, Values.Length - 1]).Sample((place, value) => IsClear(With(places[place], Values[value])));
    }

    [Fact]
    public void Any_cut_or_flipped_byte_gives_a_tokenizer_or_one_clear_error()
    {
        var json = TinyTokenizerJson.Make().ToJsonString();
        Gen.Select(Gen.Int[0, json.Length - 1], Gen.Char[' ', '~'], Gen.Bool).Sample((at, c, cut) =>
            IsClear(cut ? json[..at] : json[..at] + c + json[(at + 1)..]));
    }

    private static bool IsClear(string json)
    {
        try
        {
            TinyTokenizerJson.Read(json).Encode("abc <s> 12");
            return true;
        }
        catch (Exception e) when (e is InvalidDataException or NotSupportedException)
        {
            return e.Message.Contains("tokenizer.json: ", StringComparison.Ordinal);
        }
    }

    /// <summary>The valid file with another value at one place. Written in as text: some values are none that a JSON library would write.</summary>
    private static string With(string place, string value)
    {
        const string Marker = "@@";
        var json = TinyTokenizerJson.Make();
        JsonNode node = json;
        var steps = place.Split('.');
        foreach (var step in steps[..^1])
        {
            node = node is JsonArray list ? list[int.Parse(step, CultureInfo.InvariantCulture)]! : node[step]!;
        }

        if (node is JsonArray array)
        {
            array[int.Parse(steps[^1], CultureInfo.InvariantCulture)] = Marker;
        }
        else
        {
            node[steps[^1]] = Marker;
        }

        return json.ToJsonString().Replace($"\"{Marker}\"", value, StringComparison.Ordinal);
    }

    private static IEnumerable<string> Places(JsonNode? node, string at)
    {
        var children = node switch
        {
            JsonObject o => o.Select(p => (p.Key, p.Value)),
            JsonArray a => a.Select((v, i) => (i.ToString(CultureInfo.InvariantCulture), v)),
            _ => [],
        };
        foreach (var (name, child) in children)
        {
            if (!name.Contains('.', StringComparison.Ordinal))
            {
                yield return at + name;
                foreach (var inner in Places(child, at + name + "."))
                {
                    yield return inner;
                }
            }
        }
    }
}
