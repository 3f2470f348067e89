using Axpo.Core;
using Axpo.Imaging;
using Axpo.Training.Models;
using Axpo.Training.Models.Vision;
using Axpo.Training.Tokenization;

namespace Axpo.Training.Chat;

/// <summary>Chat formats by model folder.</summary>
public static class ChatFormats
{
    /// <summary>Reads the chat format of a model folder: <c>axpo_chat</c> in its tokenizer_config.json names it; without, it is the folder's own chat template.</summary>
    /// <param name="folder">A Hugging Face folder, or an adapter's.</param>
    /// <param name="options">How to talk to a model with a template of its own; null: the defaults.</param>
    /// <exception cref="FileNotFoundException">A file is missing.</exception>
    /// <exception cref="InvalidDataException">A file is damaged; the message names file and field.</exception>
    /// <exception cref="NotSupportedException">The folder names a format that is unknown, or its tokenizer or template uses what is not supported.</exception>
    public static IChatFormat FromFolder(string folder, ChatOptions? options = null)
    {
        folder = CompanionFiles.FolderOf(folder);
        var path = Path.Combine(folder, "tokenizer_config.json");
        if (!File.Exists(path))
        {
            throw new FileNotFoundException($"model: '{folder}' holds no tokenizer_config.json", path);
        }

        return JsonField.Read(path).Find("axpo_chat") switch
        {
            null => new HfChatFormat(TextTokenizer.FromFolder(folder), ChatTemplate.FromFolder(folder), options ?? new ChatOptions(), EndTokens(folder), Pictures(folder)),
            { } name when name.Text() == "tiny" => new TinyChatFormat(TextTokenizer.FromFolder(folder), File.Exists(Path.Combine(folder, PictureProcessorFile.FileName)) ? PictureProcessorFile.Read(folder) : null),
            { } name => throw name.Unsupported("tiny, or none where the folder has a chat template"),
        };
    }

    /// <summary>How images are written, where the model in a folder sees.</summary>
    private static ChatPictures? Pictures(string folder) => File.Exists(Path.Combine(folder, "config.json")) && DecoderConfig.FromFolder(folder).Pictures is { } pictures
        ? new ChatPictures(PictureProcessors.Read(folder, pictures.Tower), pictures.ImageToken)
        : null;

    /// <summary><c>eos_token_id</c> of generation_config.json, one or several; none without the file.</summary>
    private static int[] EndTokens(string folder)
    {
        var path = Path.Combine(folder, "generation_config.json");
        return !File.Exists(path) || JsonField.Read(path).Find("eos_token_id") is not { } field ? []
            : field.IsList ? [.. field.Items().Select(id => id.Count(int.MaxValue))]
            : [field.Count(int.MaxValue)];
    }
}
