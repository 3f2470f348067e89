using System.Text.Json;
using Axpo.Training.Chat.Jinja;

namespace Axpo.Training.Chat;

/// <summary>What Axpo tells a model that it did not train itself; docs/chat.md quotes it.</summary>
internal static class SystemPrompts
{
    /// <summary>For every model: where the answer belongs.</summary>
    public const string Answer = "Reason step by step. End with the final answer, and nothing else, in the form <answer>\\boxed{final answer}</answer>.";

    /// <summary>For a model whose template offers no tools: how a call is written, then what else it is told.</summary>
    public static string WithTools(JsonElement tools, string rest)
    {
        var budget = new Budget(new TemplateLimits());
        var lines = tools.EnumerateArray().Select(tool => PythonJson.Write(budget, TemplateJson.ToValue(tool, untrusted: false)).Value);
        return "You may call tools. Each is described by one line of JSON:\n"
            + string.Join('\n', lines)
            + "\n\nTo call a tool, write one JSON object with its name and arguments inside <tool_call></tool_call> tags, then stop:\n"
            + "<tool_call>\n{\"name\": \"tool name\", \"arguments\": {\"argument name\": \"value\"}}\n</tool_call>\n"
            + "The result comes back inside <tool_response></tool_response> tags.\n\n"
            + rest;
    }
}
