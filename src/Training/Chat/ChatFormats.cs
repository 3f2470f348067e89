using System.Text.Json;
using Axpo.Core;
using Axpo.Training.Tokenization;

namespace Axpo.Training.Chat;

/// <summary>Chat formats by model folder.</summary>
public static class ChatFormats
{
    /// <summary>Reads the chat format of a model folder: <c>axpo_chat</c> in its tokenizer_config.json names it.</summary>
    /// <exception cref="FileNotFoundException">A file is missing.</exception>
    /// <exception cref="NotSupportedException">The folder names no format that is known.</exception>
    public static IChatFormat FromFolder(string folder)
    {
        var path = Path.Combine(folder, "tokenizer_config.json");
        if (!File.Exists(path))
        {
            throw new FileNotFoundException($"model: '{folder}' holds no tokenizer_config.json", path);
        }

        using var json = JsonDocument.Parse(File.ReadAllBytes(path));
        var name = json.RootElement.TryGetProperty("axpo_chat", out var value) ? value.GetString() : null;
        return name switch
        {
            "tiny" => new TinyChatFormat(TextTokenizer.FromFolder(folder)),
            null => throw new NotSupportedException($"{path}: has no axpo_chat; supported: tiny (templates of other families are not supported yet)"),
            _ => throw new NotSupportedException($"{path}: axpo_chat '{name}' is unknown; supported: tiny"),
        };
    }
}
