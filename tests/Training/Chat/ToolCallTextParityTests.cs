using System.Text.Json.Nodes;
using Axpo.Training.Chat;
using Shouldly;
using Xunit;

namespace Axpo.Training.Tests.Chat;

/// <summary>Every case of <c>chat/tool_calls.json</c>: what a call is and is not.</summary>
[Trait("Category", "Parity")]
[Trait("Family", "chat")]
public sealed class ToolCallTextParityTests
{
    [Fact]
    public void A_call_is_read_as_the_reference_says()
    {
        var path = Path.Combine(Fixtures.Root, "chat", "tool_calls.json");
        Assert.SkipUnless(File.Exists(path), $"{path} is absent");
        var cases = JsonNode.Parse(File.ReadAllText(path))!.AsArray();
        cases.Count.ShouldBeGreaterThan(0);
        var wrong = new List<string>();
        foreach (var item in cases)
        {
            var text = item!["text"]!.GetValue<string>();
            var expected = item["expected"]!.AsObject();
            var got = ToolCallText.ReadClosed(text, out var rest);
            if (!Agrees(got, rest, expected))
            {
                wrong.Add($"{item["kind"]}: {text} -> {got} rest '{rest}', expected {expected.ToJsonString()}");
            }
        }

        wrong.ShouldBeEmpty();
    }

    private static bool Agrees(ToolCallText got, string? rest, JsonObject expected)
    {
        if (rest != expected["rest"]?.GetValue<string>())
        {
            return false;
        }

        if (expected["valid"]!.GetValue<bool>())
        {
            return got.Fault == ToolCallFault.None && got.Message is null && got.Name == expected["name"]!.GetValue<string>() && got.Arguments == expected["arguments_raw"]!.GetValue<string>();
        }

        string[] reasons = [expected["reason"]!.GetValue<string>(), .. (expected["also_accept"]?.AsArray() ?? []).Select(a => a!.GetValue<string>())];
        return got is { Name: null, Arguments: null, Message: not null } && reasons.Any(r => Fault(r) == got.Fault);
    }

    private static ToolCallFault? Fault(string reason) =>
        Enum.TryParse<ToolCallFault>(reason.Replace("_", "", StringComparison.Ordinal), ignoreCase: true, out var fault) ? fault : null;
}
