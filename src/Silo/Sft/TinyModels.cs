using Axpo.Training.Files;
using Axpo.Training.Models;
using Axpo.Training.Sft;
using Axpo.Training.Tokenization;

namespace Axpo.Silo.Sft;

/// <summary>Makes axpo-tiny's tokenizer and checkpoints.</summary>
public static class TinyModels
{
    /// <summary>Merges that the tokenizer learns for common words, at most.</summary>
    public const int WordMerges = 300;

    /// <summary>Two-letter pieces of names.</summary>
    public const int NamePairs = 200;

    /// <summary>Writes the tokenizer of axpo-tiny into a folder.</summary>
    public static void WriteTokenizer(string folder)
    {
        Directory.CreateDirectory(folder);
        TinyTokenizerBuilder.Write(folder, SftRecipes.TokenizerCorpus(), WordMerges, NamePairs);
    }

    /// <summary>Trains a policy and writes it as a model folder, or an adapter's, whole or not at all.</summary>
    /// <param name="job">What is trained on, and how.</param>
    /// <param name="from">A model folder to go on from; null: a fresh axpo-tiny.</param>
    /// <param name="output">Folder to write; must not exist.</param>
    /// <param name="merged">Whether an adapter is written as the whole model with the adapter in its weights.</param>
    /// <param name="progress">Told after every step.</param>
    /// <param name="time">Clock.</param>
    /// <param name="cancellationToken">Cancels; nothing is written then.</param>
    /// <returns>Validation loss.</returns>
    /// <exception cref="IOException">The folder exists.</exception>
    public static async Task<double> TrainAsync(SftJob job, string? from, string output, bool merged, IProgress<SftProgress>? progress, TimeProvider time, CancellationToken cancellationToken)
    {
        using var draft = new FolderDraft(output);
        if (from is null)
        {
            WriteTokenizer(draft.Path);
        }
        else
        {
            CompanionFiles.Copy(from, draft.Path);
        }

        var loss = await SftFolder.TrainAsync(draft.Path, from, chat => Shape(chat.VocabularySize, chat.StopTokens[^1]), job, merged, progress, time, cancellationToken);
        draft.Finish();
        return loss;
    }

    /// <summary>The shape of axpo-tiny: about one million parameters.</summary>
    private static DecoderConfig Shape(int vocabulary, int endOfTurn) => new()
    {
        VocabSize = vocabulary,
        HiddenSize = 128,
        Layers = 4,
        Heads = 4,
        KvHeads = 4,
        HeadDim = 32,
        IntermediateSize = 344,
        RopeTheta = 10_000,
        MaxPositions = 1024,
        EosTokenId = endOfTurn,
    };
}
