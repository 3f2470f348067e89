namespace Axpo.Training.Chat;

/// <summary>How Axpo talks to a model from a Hugging Face folder.</summary>
public sealed record HfChatOptions
{
    /// <summary>What the template is told of thinking (<c>enable_thinking</c>); null: nothing, which for Qwen3 means that it thinks.</summary>
    public bool? EnableThinking { get; init; }

    /// <summary>System message; null: Axpo's own, see docs/chat.md.</summary>
    public string? SystemPrompt { get; init; }
}
