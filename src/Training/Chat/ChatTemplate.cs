using System.Text.Json;
using Axpo.Training.Chat.Jinja;
using Axpo.Training.Tokenization;

namespace Axpo.Training.Chat;

/// <summary>
/// The chat template of a model folder, rendered as transformers' <c>apply_chat_template</c> does. What users, tools and system messages say, and what tools are described by, is untrusted: nothing in it
/// is a tag, whatever it looks like. Thread-safe.
/// </summary>
public sealed class ChatTemplate
{
    private readonly JinjaTemplate _template;
    private readonly string _source;
    private readonly IReadOnlyDictionary<string, string> _specialTokens;

    private ChatTemplate(JinjaTemplate template, string source, IReadOnlyDictionary<string, string> specialTokens) =>
        (_template, _source, _specialTokens) = (template, source, specialTokens);

    /// <summary>Text of the folder's <c>eos_token</c>; null if it names none.</summary>
    public string? EndToken => _specialTokens.GetValueOrDefault("eos_token");

    /// <summary>Reads <c>chat_template.jinja</c>, or <c>chat_template</c> in <c>tokenizer_config.json</c>, of a model folder.</summary>
    /// <exception cref="FileNotFoundException">There is no tokenizer_config.json.</exception>
    /// <exception cref="InvalidDataException">A file is damaged, or the template is none; the message names file and field or line.</exception>
    /// <exception cref="NotSupportedException">There is no template, or it uses what is not supported.</exception>
    public static ChatTemplate FromFolder(string folder)
    {
        var path = Path.Combine(folder, "tokenizer_config.json");
        if (!File.Exists(path))
        {
            throw new FileNotFoundException($"model: '{folder}' holds no tokenizer_config.json", path);
        }

        var config = JsonField.Read(path);
        var file = Path.Combine(folder, "chat_template.jinja");
        var (name, source) = File.Exists(file) ? (file, File.ReadAllText(file)) : ($"{path}: chat_template", InConfig(config));
        return new ChatTemplate(JinjaTemplate.Parse(name, source), source, SpecialTokens(config));
    }

    /// <summary>Whether the template writes a text somewhere.</summary>
    public bool Mentions(string text) => _source.Contains(text, StringComparison.Ordinal);

    /// <summary>Renders a conversation.</summary>
    /// <param name="messages">List of messages, as in the chat API: <c>role</c>, <c>content</c>, <c>tool_calls</c>, <c>reasoning_content</c>.</param>
    /// <param name="tools">List of tools; null for none.</param>
    /// <param name="addGenerationPrompt">Whether the assistant's turn is opened at the end.</param>
    /// <param name="enableThinking">What the template is told of thinking; null for nothing.</param>
    /// <exception cref="TemplateException">The template refuses the conversation.</exception>
    /// <exception cref="InvalidDataException">A text holds half a surrogate pair.</exception>
    public TemplateText Render(JsonElement messages, JsonElement? tools, bool addGenerationPrompt, bool? enableThinking)
    {
        var variables = new Dictionary<string, object?>(StringComparer.Ordinal)
        {
            ["messages"] = new TemplateList([.. messages.EnumerateArray().Select(Message)]),
            ["tools"] = tools is { ValueKind: JsonValueKind.Array } list ? TemplateJson.ToValue(list, untrusted: true) : null,
            ["documents"] = null,
            ["add_generation_prompt"] = addGenerationPrompt,
        };
        foreach (var (name, text) in _specialTokens)
        {
            variables[name] = TemplateText.Trust(text);
        }

        if (enableThinking is { } thinks)
        {
            variables["enable_thinking"] = thinks;
        }

        return _template.Render(variables, new TemplateLimits());
    }

    /// <summary>A message as transformers hands it over: fields that are null are dropped, and reasoning has one name.</summary>
    private static TemplateDict Message(JsonElement message)
    {
        var role = message.TryGetProperty("role", out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;
        var result = new TemplateDict();
        foreach (var member in message.EnumerateObject().Where(m => m.Value.ValueKind != JsonValueKind.Null))
        {
            var name = member.Name is "reasoning" or "thinking" && !message.TryGetProperty("reasoning_content", out _) ? "reasoning_content" : member.Name;
            result.Set(TemplateText.Trust(name), TemplateJson.ToValue(member.Value, untrusted: name == "content" && role != "assistant"));
        }

        return result;
    }

    private static string InConfig(JsonField config)
    {
        if (config.Find("chat_template") is not { } field)
        {
            throw new NotSupportedException($"{config.File}: has no chat_template, and no chat_template.jinja lies beside it; a base model cannot chat");
        }

        if (!field.IsList)
        {
            return field.Text();
        }

        var named = field.Items().Select(item => (Name: item["name"].Text(), Source: item["template"].Text())).ToArray();
        return Array.Find(named, t => t.Name == "tool_use").Source ?? Array.Find(named, t => t.Name == "default").Source
            ?? throw field.Unsupported("a template named tool_use or default");
    }

    private static Dictionary<string, string> SpecialTokens(JsonField config)
    {
        var tokens = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var name in new[] { "bos_token", "eos_token", "pad_token", "unk_token" })
        {
            if (config.Find(name) is { } field)
            {
                tokens[name] = field.IsObject ? field["content"].Text() : field.Text();
            }
        }

        return tokens;
    }
}
