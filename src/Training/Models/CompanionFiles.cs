using Axpo.Training.Models.Lora;

namespace Axpo.Training.Models;

/// <summary>What a model folder holds besides weights and config.json: tokenizer, chat template, what pictures go through, generation settings, licence and notices.</summary>
public static class CompanionFiles
{
    private static readonly string[] _names = ["special_tokens_map.json", "added_tokens.json", "vocab.json", "merges.txt", "generation_config.json", "chat_template.json", "preprocessor_config.json", "processor_config.json", "video_preprocessor_config.json"];

    /// <summary>The folder that holds a model's tokenizer: its own, or, of an adapter without one (PEFT writes none), its model's.</summary>
    /// <exception cref="FileNotFoundException">The adapter's model is gone.</exception>
    public static string FolderOf(string folder) =>
        LoraShape.IsIn(folder) && !File.Exists(Path.Combine(folder, "tokenizer_config.json")) ? FolderOf(LoraShape.BaseOf(folder)) : folder;

    /// <summary>Copies them; what is there already stays.</summary>
    /// <param name="from">A model's folder, or an adapter's.</param>
    /// <param name="to">An existing folder.</param>
    public static void Copy(string from, string to)
    {
        foreach (var file in Directory.EnumerateFiles(FolderOf(from)).Where(f => IsOne(Path.GetFileName(f))))
        {
            var copy = Path.Combine(to, Path.GetFileName(file));
            if (!File.Exists(copy))
            {
                // Bytes, not the file: a hub's cache is read-only, and what is copied may be written again.
                File.WriteAllBytes(copy, File.ReadAllBytes(file));
            }
        }
    }

    private static bool IsOne(string name) =>
        _names.Contains(name, StringComparer.Ordinal)
        || name.StartsWith("tokenizer", StringComparison.Ordinal)
        || name.StartsWith("LICENSE", StringComparison.OrdinalIgnoreCase)
        || name.StartsWith("NOTICE", StringComparison.OrdinalIgnoreCase)
        || Path.GetExtension(name) == ".jinja";
}
