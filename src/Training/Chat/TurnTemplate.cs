using System.Text.Json;
using System.Text.Json.Nodes;
using Axpo.Core;
using Axpo.Training.Chat.Jinja;

namespace Axpo.Training.Chat;

/// <summary>
/// What a chat template writes around what the policy writes. It is found by rendering conversations of our own with a mark in the policy's place: nothing that a policy sampled is ever rendered, so that
/// what a template does to earlier turns (Qwen3 drops their thinking) cannot reach a trajectory.
/// </summary>
internal sealed class TurnTemplate
{
    private const string OpenCall = "<tool_call>";
    private const string CloseCall = "</tool_call>";
    private const string Mark = "axpo-mark-of-the-policy";

    private static readonly JsonElement AnyTool = ToolSchema.Of([new ToolSpec("tool", "A tool.", [new ToolParameter("text", "string", true, "Any text.")])]);

    private readonly ChatTemplate _template;
    private readonly ChatOptions _options;

    /// <summary>Tries a template.</summary>
    public TurnTemplate(ChatTemplate template, ChatOptions options)
    {
        (_template, _options) = (template, options);
        HasTools = OffersTools();
    }

    /// <summary>Whether the template offers tools, writes calls in &lt;tool_call&gt; tags, and has a place for results. Else Axpo's system prompt explains textual tags.</summary>
    public bool HasTools { get; }

    /// <summary>The prompt.</summary>
    /// <exception cref="TemplateException">The template refuses it.</exception>
    /// <param name="question">Its text.</param>
    /// <param name="images">Its images, which stand before the text.</param>
    /// <param name="tools">The tools offered.</param>
    public TemplateText Prompt(string question, int images, IReadOnlyList<ToolSpec> tools)
    {
        JsonElement? offered = tools.Count > 0 ? ToolSchema.Of(tools) : null;
        var told = _options.SystemPrompt ?? SystemPrompts.Answer;
        var system = offered is { } list && !HasTools ? SystemPrompts.WithTools(list, told) : told;
        return Render([Say("system", system), Say("user", [.. Images(images), Text(question)])], HasTools ? offered : null, open: true);
    }

    /// <summary>
    /// What follows a turn of the policy that ended with a call: the template closes the turn, gives the results and opens the next one. A turn that the policy closed itself is closed here all the same.
    /// </summary>
    /// <exception cref="TemplateException">The template refuses it.</exception>
    /// <param name="results">Texts of the results, each with the images that stand behind it.</param>
    public TemplateText Observation(IReadOnlyList<(string Text, int Images)> results) => AfterMark(HasTools
        ? Render([.. Called(), .. results.Select(r => Say("tool", [Text(r.Text), .. Images(r.Images)]))], AnyTool, open: true)
        : Render([.. Called(), Say("user", [.. results.SelectMany((r, i) => Told(r.Text, r.Images, isFirst: i == 0))])], null, open: true));

    /// <summary>What closes a turn of the policy.</summary>
    /// <exception cref="TemplateException">The template refuses it.</exception>
    public TemplateText EndOfTurn() => AfterMark(Render(Called(), HasTools ? AnyTool : null, open: false));

    private bool OffersTools()
    {
        try
        {
            JsonObject[] asked = [Say("user", "q")];
            if (Render(asked, AnyTool, open: true).Value == Render(asked, null, open: true).Value)
            {
                return false;
            }

            const string Result = "axpo-mark-of-the-tool";
            var text = Render([.. asked, CallOfTool(), Say("tool", Result)], AnyTool, open: true).Value;
            var mark = text.IndexOf(Mark, StringComparison.Ordinal);
            var close = mark < 0 ? -1 : text.IndexOf(CloseCall, mark, StringComparison.Ordinal);
            return close >= 0 && text.AsSpan(0, mark).Contains(OpenCall, StringComparison.Ordinal) && text.IndexOf(Result, close, StringComparison.Ordinal) >= 0;
        }
        catch (TemplateException)
        {
            return false;
        }
    }

    private JsonObject[] Called() => [Say("user", "q"), HasTools ? CallOfTool() : Say("assistant", Mark + CloseCall)];

    /// <summary>What a rendering holds after the closing tag of the marked call.</summary>
    private static TemplateText AfterMark(TemplateText text)
    {
        var mark = text.Value.IndexOf(Mark, StringComparison.Ordinal);
        var close = mark < 0 ? -1 : text.Value.IndexOf(CloseCall, mark, StringComparison.Ordinal);
        return close >= 0 ? text.Slice(close + CloseCall.Length, text.Length) : throw new TemplateException("the template does not write what the assistant said");
    }

    private TemplateText Render(JsonObject[] messages, JsonElement? tools, bool open) =>
        _template.Render(JsonSerializer.SerializeToElement(messages), tools, open, _options.Thinking switch { Thinking.On => true, Thinking.Off => false, _ => null });

    /// <summary>A result in our own tags; parts of text that follow each other become one.</summary>
    private static IEnumerable<JsonObject> Told(string text, int images, bool isFirst) =>
        [Text($"{(isFirst ? "" : "\n")}<tool_response>\n{text}{(images > 0 ? "\n" : "")}"), .. Images(images), Text("\n</tool_response>")];

    private static JsonObject Text(string text) => new() { ["type"] = "text", ["text"] = text };

    private static IEnumerable<JsonObject> Images(int count) => Enumerable.Range(0, count).Select(_ => new JsonObject { ["type"] = "image" });

    /// <summary>Text alone is said as such, which every template knows; with images among it as a list of parts.</summary>
    private static JsonObject Say(string role, IReadOnlyList<JsonObject> parts) => parts.All(p => p.ContainsKey("text"))
        ? Say(role, string.Concat(parts.Select(p => p["text"]!.GetValue<string>())))
        : new JsonObject { ["role"] = role, ["content"] = new JsonArray([.. parts]) };

    private static JsonObject Say(string role, string content) => new() { ["role"] = role, ["content"] = content };

    private static JsonObject CallOfTool() => new()
    {
        ["role"] = "assistant",
        ["content"] = "",
        ["tool_calls"] = new JsonArray(new JsonObject
        {
            ["type"] = "function",
            ["function"] = new JsonObject { ["name"] = "tool", ["arguments"] = new JsonObject { ["text"] = Mark } },
        }),
    };
}
