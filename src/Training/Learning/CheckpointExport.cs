using Axpo.Training.Models;
using Axpo.Training.Models.Lora;
using Axpo.Training.Safetensors;

namespace Axpo.Training.Learning;

/// <summary>Writes the policy of a checkpoint as a folder for other programs.</summary>
public static class CheckpointExport
{
    // What a checkpoint does not copy from the model that the run began with, and programs that load the folder may want.
    private static readonly string[] _companions = ["special_tokens_map.json", "added_tokens.json", "vocab.json", "merges.txt", "tokenizer.model", "LICENSE*", "NOTICE*"];

    private static readonly string[] _learners = [LearnerCheckpoint.OptimizerFile, LearnerCheckpoint.StateFile];

    /// <summary>Whether a checkpoint holds an adapter rather than a whole model.</summary>
    public static bool IsAdapter(string checkpoint) => LoraShape.IsIn(checkpoint);

    /// <summary>Writes weights, configuration, tokenizer and chat template, without the optimizer.</summary>
    /// <param name="checkpoint">The checkpoint.</param>
    /// <param name="model">Folder of the model that the run began with; what it has beside is copied where it is still there.</param>
    /// <param name="merged">Whether an adapter goes into the weights of its model; a checkpoint of a whole model is one already.</param>
    /// <param name="folder">An existing, empty folder.</param>
    /// <exception cref="FileNotFoundException">The model below the adapter is gone.</exception>
    /// <exception cref="InvalidDataException">The weights are damaged, or do not fit each other.</exception>
    public static void WriteInto(string checkpoint, string model, bool merged, string folder)
    {
        var replaced = _learners;
        if (merged && IsAdapter(checkpoint))
        {
            using var decoder = Decoder.Load(checkpoint);
            decoder.SaveInto(folder);
            replaced = [.. _learners, LoraShape.FileName, ModelWeights.AdapterName];
        }

        Copy(Directory.EnumerateFiles(checkpoint).Where(f => !replaced.Contains(Path.GetFileName(f))), folder);
        foreach (var source in Sources(model))
        {
            Copy(_companions.SelectMany(c => Directory.EnumerateFiles(source, c)), folder);
        }
    }

    /// <summary>The model's folder, and below it the one that its adapter belongs to.</summary>
    private static IEnumerable<string> Sources(string model)
    {
        if (!Directory.Exists(model))
        {
            yield break;
        }

        yield return model;
        if (LoraShape.IsIn(model))
        {
            yield return LoraShape.BaseOf(model);
        }
    }

    private static void Copy(IEnumerable<string> files, string folder)
    {
        foreach (var file in files)
        {
            var target = Path.Combine(folder, Path.GetFileName(file));
            if (!File.Exists(target))
            {
                File.Copy(file, target);
            }
        }
    }
}
