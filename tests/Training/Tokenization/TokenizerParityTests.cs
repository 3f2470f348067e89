using System.Text.Json.Nodes;
using Axpo.Training.Tokenization;
using Shouldly;
using Xunit;

namespace Axpo.Training.Tests.Tokenization;

/// <summary>Every string of <c>tokenizer/*/cases.json</c> and every stream of <c>streaming.json</c>: ids and texts of Hugging Face's tokenizers, exactly.</summary>
[Trait("Category", "Parity")]
[Trait("Family", "tokenizer")]
public sealed class TokenizerParityTests
{
    public static TheoryData<string> Families => [.. TokenizerFolders.Families.DefaultIfEmpty("absent")];

    [Theory]
    [MemberData(nameof(Families))]
    public void Ids_and_texts_are_those_of_the_reference(string family)
    {
        var tokenizer = TokenizerFolders.Of(Present(family, "cases.json", out var cases));
        var wrong = new List<string>();
        foreach (var item in cases)
        {
            var text = Text(item, "text")!;
            var ids = Ids(item, "ids_no_special");
            Check(item, wrong, "trusted", ids, tokenizer.EncodeTrusted(text));
            Check(item, wrong, "untrusted", Ids(item, "ids_untrusted"), tokenizer.Encode(text));
            Check(item, wrong, "all flagged", Ids(item, "ids_untrusted"), tokenizer.Encode(text, [.. Enumerable.Repeat(true, text.Length)]));
            Check(item, wrong, "decoded", Text(item, "decoded")!, tokenizer.Decode(ids));
            Check(item, wrong, "decoded_skip_special", Text(item, "decoded_skip_special") ?? Text(item, "decoded")!, tokenizer.Decode(ids, skipSpecial: true));
        }

        wrong.ShouldBeEmpty();
    }

    [Theory]
    [MemberData(nameof(Families))]
    public void Streams_tell_what_is_certain_and_no_more(string family)
    {
        var tokenizer = TokenizerFolders.Of(Present(family, "streaming.json", out var cases));
        var wrong = new List<string>();
        foreach (var item in cases)
        {
            var decoder = new StreamingDecoder(tokenizer);
            var text = "";
            foreach (var (id, after) in Ids(item, "ids").Zip(item!["text_after"]!.AsArray()))
            {
                text += decoder.Append(id);
                Check(item, wrong, "after", after!.GetValue<string>(), text);
            }

            Check(item, wrong, "final", Text(item, "final")!, text + decoder.Finish());
        }

        wrong.ShouldBeEmpty();
    }

    private static string Present(string family, string file, out JsonArray cases)
    {
        var path = Path.Combine(Fixtures.Root, "tokenizer", family, file);
        Assert.SkipUnless(File.Exists(path), $"{path} is absent");
        cases = JsonNode.Parse(File.ReadAllText(path))!.AsArray();
        cases.Count.ShouldBeGreaterThan(0);
        return family;
    }

    private static void Check(JsonNode? item, List<string> wrong, string what, string want, string got)
    {
        if (want != got)
        {
            wrong.Add($"{what} of {item!.ToJsonString()}: {got}");
        }
    }

    private static void Check(JsonNode? item, List<string> wrong, string what, int[] want, int[] got) => Check(item, wrong, what, string.Join(',', want), string.Join(',', got));

    private static string? Text(JsonNode? item, string name) => item![name]?.GetValue<string>();

    private static int[] Ids(JsonNode? item, string name) => [.. item![name]!.AsArray().Select(id => id!.GetValue<int>())];
}
