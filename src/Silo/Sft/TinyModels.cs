using Axpo.Imaging;
using Axpo.Training.Files;
using Axpo.Training.Models;
using Axpo.Training.Models.Vision;
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

    /// <summary>Side of a patch of axpo-tiny-vl, pixels; each is a token.</summary>
    private const int PatchSize = 4;

    /// <summary>Longest side of a square picture as axpo-tiny-vl sees it, pixels: 64 tokens.</summary>
    private const int PictureSide = 32;

    /// <summary>Writes the tokenizer of axpo-tiny into a folder, or that of axpo-tiny-vl and how its pictures are prepared.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="sees">Whether it is for a model that sees.</param>
    public static void WriteTokenizer(string folder, bool sees = false)
    {
        Directory.CreateDirectory(folder);
        TinyTokenizerBuilder.Write(folder, sees ? SftRecipes.PictureTokenizerCorpus() : SftRecipes.TokenizerCorpus(), WordMerges, NamePairs, sees);
        if (sees)
        {
            PictureProcessorFile.Write(folder, new PictureProcessor
            {
                PatchSize = PatchSize,
                TemporalPatchSize = 2,
                MergeSize = 1,
                MinPixels = PictureSide * PictureSide / 2,
                MaxPixels = PictureSide * PictureSide,
                Mean = [.5, .5, .5],
                Deviation = [.5, .5, .5],
            });
        }
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
            WriteTokenizer(draft.Path, sees: job.Images is not null);
        }
        else
        {
            CompanionFiles.Copy(from, draft.Path);
        }

        var loss = await SftFolder.TrainAsync(draft.Path, from, chat => Shape(chat.VocabularySize, chat.StopTokens[^1], job.Images is null ? null : TextTokenizer.FromFolder(draft.Path)), job, merged, progress, time, cancellationToken);
        draft.Finish();
        return loss;
    }

    /// <summary>The shape of axpo-tiny: about one million parameters; with a small tower where there is a tokenizer with the tags of pictures.</summary>
    private static DecoderConfig Shape(int vocabulary, int endOfTurn, TextTokenizer? pictures) => new()
    {
        ModelType = pictures is null ? "qwen3" : "qwen3_vl",
        Pictures = pictures is null ? null : new PictureConfig
        {
            Tower = new VisionConfig
            {
                Layers = 2,
                HiddenSize = 96,
                IntermediateSize = 192,
                Heads = 4,
                PatchSize = PatchSize,
                TemporalPatchSize = 2,
                Channels = 3,
                MergeSize = 1,
                OutputSize = 128,
                PositionSide = PictureSide / PatchSize,
                DeepstackLayers = [0],
            },
            RopeSections = [6, 5, 5],
            VisionStartToken = pictures.Added(TinyTokenizerBuilder.PictureTags[0]),
            ImageToken = pictures.Added(TinyTokenizerBuilder.PictureTags[1]),
            VisionEndToken = pictures.Added(TinyTokenizerBuilder.PictureTags[2]),
            VideoToken = pictures.Added(TinyTokenizerBuilder.PictureTags[3]),
        },
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
