using System.Text.Json;
using Axpo.Training.Chat;
using Axpo.Training.Chat.Jinja;
using Shouldly;
using Xunit;

namespace Axpo.Training.Tests.Chat;

/// <summary>Every case of <c>chat/*/cases.json</c>: text and ids of transformers' <c>apply_chat_template</c>, exactly.</summary>
[Trait("Category", "Parity")]
[Trait("Family", "chat")]
public sealed class ChatTemplateParityTests
{
    public static TheoryData<string> Families => [.. ChatFolders.Families.DefaultIfEmpty("absent")];

    [Theory]
    [MemberData(nameof(Families))]
    public void Text_and_ids_are_those_of_the_reference(string family)
    {
        var cases = ChatFolders.Cases(family);
        Assert.SkipWhen(cases.Length == 0, $"chat/{family}/cases.json is absent");
        var (template, tokenizer) = (ChatFolders.Template(family), ChatFolders.Tokenizer(family));
        var wrong = new List<string>();
        foreach (var item in cases)
        {
            var name = item.GetProperty("name").GetString();
            if (item.TryGetProperty("raises", out var raises) && raises.GetBoolean())
            {
                Should.Throw<TemplateException>(() => Render(template, item), name);
                continue;
            }

            var text = Render(template, item);
            Check(wrong, $"{name} text", item.GetProperty("expected_text").GetString()!, text.Value);
            Check(wrong, $"{name} ids", Ids(item, "expected_ids"), string.Join(',', tokenizer.EncodeTrusted(text.Value)));
            var untrusted = string.Join(',', tokenizer.Encode(text.Value, text.Untrusted));
            if (item.TryGetProperty("expected_ids_untrusted_content", out _))
            {
                Check(wrong, $"{name} untrusted ids", Ids(item, "expected_ids_untrusted_content"), untrusted);
            }
            else if (!tokenizer.AddedTokens.Keys.Any(tag => item.GetProperty("messages").EnumerateArray().Any(m => IsSaidByOthers(m, tag))))
            {
                Check(wrong, $"{name} untrusted ids", Ids(item, "expected_ids"), untrusted);
            }
        }

        wrong.ShouldBeEmpty();
    }

    private static TemplateText Render(ChatTemplate template, JsonElement item) => template.Render(
        item.GetProperty("messages"),
        item.GetProperty("tools"),
        item.GetProperty("add_generation_prompt").GetBoolean(),
        item.TryGetProperty("enable_thinking", out var thinks) && thinks.ValueKind != JsonValueKind.Null ? thinks.GetBoolean() : null);

    private static bool IsSaidByOthers(JsonElement message, string tag) =>
        message.GetProperty("role").GetString() != "assistant" && message.TryGetProperty("content", out var content) && content.ToString().Contains(tag, StringComparison.Ordinal);

    private static string Ids(JsonElement item, string name) => string.Join(',', item.GetProperty(name).EnumerateArray());

    private static void Check(List<string> wrong, string what, string want, string got)
    {
        if (want != got)
        {
            wrong.Add($"{what}: {got}, expected {want}");
        }
    }
}
