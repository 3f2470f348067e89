using System.Text.Json;
using Axpo.Core;
using Axpo.Training.Chat;
using Axpo.Training.Tests.Tokenization;
using Axpo.Training.Tokenization;

namespace Axpo.Training.Tests.Chat;

/// <summary>Chat templates of the fixtures, each with the tokenizer that its README names.</summary>
public static class ChatFolders
{
    public static IEnumerable<string> Families
    {
        get
        {
            var root = Path.Combine(Fixtures.Root, "chat");
            return Directory.Exists(root) ? Directory.GetDirectories(root).Select(f => Path.GetFileName(f)!).Order(StringComparer.Ordinal) : [];
        }
    }

    public static TextTokenizer Tokenizer(string family) => TokenizerFolders.Of(TokenizerOf(family));

    /// <summary>The template of a family; one that is not under <see cref="Fixtures.Root"/> is the repository's own.</summary>
    public static ChatTemplate Template(string family)
    {
        var source = new[] { Fixtures.Root, Fixtures.Own }.Select(root => Path.Combine(root, "chat", family, "chat_template.jinja")).First(File.Exists);
        var folder = Directory.CreateTempSubdirectory("axpo-test-").FullName;
        try
        {
            TokenizerFolders.Unpack(TokenizerOf(family), folder);
            File.Copy(source, Path.Combine(folder, "chat_template.jinja"));
            return ChatTemplate.FromFolder(folder);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    public static HfChatFormat Format(string family, ChatOptions? options = null) => new(Tokenizer(family), Template(family), options ?? new ChatOptions(), []);

    /// <summary>Cases of a family, numbers as they stand in the file.</summary>
    public static JsonElement[] Cases(string family)
    {
        var path = Path.Combine(Fixtures.Root, "chat", family, "cases.json");
        if (!File.Exists(path))
        {
            return [];
        }

        using var json = JsonDocument.Parse(File.ReadAllBytes(path));
        return [.. json.RootElement.Clone().EnumerateArray()];
    }

    private static string TokenizerOf(string family) => family.StartsWith("smol", StringComparison.Ordinal) ? "smollm2" : "qwen3";
}
