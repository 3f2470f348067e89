using Axpo.Training.Models;
using Axpo.Training.Models.Lora;
using Axpo.Training.Safetensors;

namespace Axpo.Training.Learning;

/// <summary>Writes the policy of a checkpoint as a folder for other programs.</summary>
public static class CheckpointExport
{
    private static readonly string[] _learners = [LearnerCheckpoint.OptimizerFile, LearnerCheckpoint.StateFile];

    /// <summary>Whether a checkpoint holds an adapter rather than a whole model.</summary>
    public static bool IsAdapter(string checkpoint) => LoraShape.IsIn(checkpoint);

    /// <summary>Writes weights, configuration, tokenizer and chat template, without the optimizer.</summary>
    /// <param name="checkpoint">The checkpoint.</param>
    /// <param name="merged">Whether an adapter goes into the weights of its model; a checkpoint of a whole model is one already.</param>
    /// <param name="folder">An existing, empty folder.</param>
    /// <exception cref="FileNotFoundException">The model below the adapter is gone.</exception>
    /// <exception cref="InvalidDataException">The weights are damaged, or do not fit each other.</exception>
    public static void WriteInto(string checkpoint, bool merged, string folder)
    {
        var replaced = _learners;
        if (merged && IsAdapter(checkpoint))
        {
            using var decoder = Decoder.Load(checkpoint);
            decoder.SaveInto(folder);
            replaced = [.. _learners, LoraShape.FileName, ModelWeights.AdapterName];
        }

        foreach (var file in Directory.EnumerateFiles(checkpoint).Where(f => !replaced.Contains(Path.GetFileName(f))))
        {
            var target = Path.Combine(folder, Path.GetFileName(file));
            if (!File.Exists(target))
            {
                File.Copy(file, target);
            }
        }
    }
}
