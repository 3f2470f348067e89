using System.Text.Json.Nodes;
using Axpo.Core;
using Axpo.Training.Chat;
using Axpo.Training.Tests.Tokenization;
using Axpo.Training.Tokenization;
using CsCheck;
using Shouldly;
using Xunit;

namespace Axpo.Training.Tests.Chat;

/// <summary>Tags that are one token, tags that are several, and tags whose borders lie inside tokens.</summary>
public sealed class TurnParserTests
{
    private const string Call = "<tool_call>{\"name\":\"python\",\"arguments\":{\"code\":\"1\"}}</tool_call>";

    /// <summary>Bytes, and tokens that reach past either border of a tag.</summary>
    private static readonly TextTokenizer Small = Make(".<", "><", ">{", "}<", ">\n");

    [Fact]
    public void A_tag_in_text_ends_with_the_first_token_that_completes_it()
    {
        var tokens = Spell("a", ".<", "tool_call", ">{", "}", "</tool_call", ">\n", "x");
        var turn = Parse(Small, tokens);
        turn.Call!.Closed.ShouldBeTrue();
        // a | .< t o o l _ c a l l >{ } < / .. l >\n | x
        (turn.Call.Start, turn.Call.PrefixEnd, turn.Call.End).ShouldBe((1, 12, tokens.Length - 1));
        turn.Segments.Select(s => s.Kind).ShouldBe([SegmentKind.Think, SegmentKind.ToolCall, SegmentKind.Think]);
        turn.CallError.ShouldBe("the call has no \"name\"");
    }

    [Fact]
    public void A_token_that_two_spans_share_belongs_to_the_first()
    {
        var turn = Parse(Small, Spell("<answer>\\boxed{1}</answer", "><", "tool_call>{}</tool_call>"));
        turn.Boxed.ShouldBe("1");
        turn.Segments.Select(s => s.Kind).ShouldBe([SegmentKind.Answer, SegmentKind.ToolCall]);
        turn.Call!.Start.ShouldBe(turn.Segments[0].End);
    }

    [Theory]
    [InlineData("qwen3")]
    [InlineData("smollm2")]
    public void A_call_is_read_token_by_token(string family)
    {
        var tokenizer = TokenizerFolders.Of(family);
        var parser = new TurnParser(tokenizer, Tags(tokenizer));
        var closedAt = -1;
        var tokens = tokenizer.EncodeTrusted($"thinking {Call} and more");
        for (var i = 0; i < tokens.Length; i++)
        {
            parser.Append(tokens[i]);
            closedAt = closedAt < 0 && parser.IsCallClosed ? i : closedAt;
        }

        var turn = parser.Finish();
        (turn.Call!.Name, turn.Call.Arguments, turn.CallError).ShouldBe(("python", "{\"code\":\"1\"}", null));
        turn.Call.End.ShouldBe(closedAt + 1);
        tokenizer.Decode(tokens.AsSpan(0, turn.Call.PrefixEnd)).ShouldContain("<tool_call>");
        tokenizer.Decode(tokens.AsSpan(0, turn.Call.PrefixEnd - 1)).ShouldNotContain("<tool_call>");
    }

    [Fact]
    public void A_tag_that_is_a_token_is_not_spelled_out()
    {
        var tokenizer = TokenizerFolders.Of("qwen3");
        Parse(tokenizer, tokenizer.Encode(Call)).Call.ShouldBeNull();
        Parse(tokenizer, [tokenizer.Added("<tool_call>"), .. tokenizer.Encode(Call["<tool_call>".Length..])]).Call!.Closed.ShouldBeFalse();
    }

    [Fact]
    public void A_tag_of_another_kind_inside_a_call_is_an_error()
    {
        var tokenizer = TokenizerFolders.Of("qwen3");
        Parse(tokenizer, tokenizer.EncodeTrusted(Call.Replace("\"1\"", "\"<|fim_pad|>\"", StringComparison.Ordinal))).CallError.ShouldBe("a tag stands inside the call");
    }

    /// <summary>Every category of tool_calls.json through tokens: the same verdict as on text, whatever the tokenizer.</summary>
    [Theory]
    [InlineData("qwen3")]
    [InlineData("smollm2")]
    public void Every_kind_of_call_has_the_verdict_of_its_text(string family)
    {
        var path = Path.Combine(Fixtures.Root, "chat", "tool_calls.json");
        Assert.SkipUnless(File.Exists(path), $"{path} is absent");
        var tokenizer = TokenizerFolders.Of(family);
        foreach (var item in JsonNode.Parse(File.ReadAllText(path))!.AsArray())
        {
            var text = item!["text"]!.GetValue<string>();
            var close = text.IndexOf("</tool_call>", StringComparison.Ordinal);
            var body = close < 0 ? text : text[..close];
            int[] tokens = [.. tokenizer.EncodeTrusted("<tool_call>"), .. tokenizer.Encode(body), .. close < 0 ? [] : tokenizer.EncodeTrusted("</tool_call>")];
            if (tokenizer.Decode(tokens) != $"<tool_call>{text[..(close < 0 ? text.Length : close + "</tool_call>".Length)]}")
            {
                // NFC and missing bytes change what a tokenizer can say; it is then another text.
                continue;
            }

            var expected = ToolCallText.ReadClosed(text, out _);
            var turn = Parse(tokenizer, tokens);
            turn.Call!.Closed.ShouldBe(close >= 0, text);
            turn.CallError.ShouldBe(close < 0 ? null : expected.Message, text);
            (turn.Call.Name, turn.Call.Arguments).ShouldBe((expected.Name ?? "", expected.Arguments ?? ""), text);
        }
    }

    [Fact]
    public void Any_tokens_parse_into_segments_that_cover_them()
    {
        var pieces = new[] { "<tool_call>", "</tool_call>", "<answer>", "</answer>", "</", ".<", "><", ">{", "}<", ">\n", "tool_call", "a", "{}" };
        Gen.Int[0, pieces.Length - 1].Array[0, 12].Sample(picks =>
        {
            var tokens = Spell([.. picks.Select(p => pieces[p])]);
            var turn = Parse(Small, tokens);
            var at = 0;
            foreach (var segment in turn.Segments)
            {
                segment.Start.ShouldBe(at);
                at = segment.End;
            }

            at.ShouldBe(tokens.Length);
            if (turn.Call is { } call)
            {
                call.Start.ShouldBeLessThan(call.PrefixEnd);
                call.PrefixEnd.ShouldBeLessThanOrEqualTo(call.End);
                turn.Segments.ShouldContain(new Segment(SegmentKind.ToolCall, call.Start, call.End));
            }
        });
    }

    private static ParsedTurn Parse(TextTokenizer tokenizer, int[] tokens) => TurnParser.Parse(tokenizer, Tags(tokenizer), [], tokens);

    private static TurnTags Tags(TextTokenizer tokenizer) => TurnTags.Of(tokenizer, new HashSet<int>(), tokenizer.AddedTokens.Values.ToHashSet());

    /// <summary>Tokens by their texts: one that is a token as a whole is that token, any other is spelled in bytes.</summary>
    private static int[] Spell(params string[] pieces) => [.. pieces.SelectMany(p => Small.Encode(p) is [var one] ? [one] : p.SelectMany(c => Small.Encode(c.ToString())))];

    private static TextTokenizer Make(params string[] pairs)
    {
        var json = TinyTokenizerJson.Make();
        var vocabulary = (JsonObject)json["model"]!["vocab"]!;
        var merges = (JsonArray)json["model"]!["merges"]!;
        json["added_tokens"] = new JsonArray();
        json["pre_tokenizer"]!["use_regex"] = false;
        foreach (var pair in pairs)
        {
            var token = ByteAlphabet.Encode(pair);
            vocabulary.Add(token, vocabulary.Count);
            merges.Add($"{token[0]} {token[1]}");
        }

        return TinyTokenizerJson.Read(json);
    }
}
