using System.Text.Json;
using Axpo.Core;
using Axpo.Training.Files;
using Axpo.Training.Models;
using Axpo.Training.Safetensors;
using TorchSharp;
using static TorchSharp.torch;

namespace Axpo.Training.Learning;

/// <summary>A learner's checkpoint: a Hugging Face folder of the float32 weights, or PEFT's of the adapter that is trained, with the tokenizer, the optimizer's state and the step beside them.</summary>
internal static class LearnerCheckpoint
{
    /// <summary>Name of the file with the optimizer's state.</summary>
    public const string OptimizerFile = "optimizer.safetensors";

    /// <summary>Name of the file with the step.</summary>
    public const string StateFile = "learner.json";

    /// <summary>Writes one aside, flushes it to the disk and renames it.</summary>
    /// <param name="folder">Where to.</param>
    /// <param name="modelFolder">Whose tokenizer files it takes.</param>
    /// <param name="weights">What is saved.</param>
    /// <param name="step">Their step.</param>
    /// <returns>The folder, with the hash of its weights file.</returns>
    /// <exception cref="IOException">The folder exists.</exception>
    public static BlobRef Save(string folder, string modelFolder, PolicyWeights weights, int step)
    {
        using var draft = new FolderDraft(folder);
        if (weights.Masters.Adapter is { } adapter)
        {
            adapter.SaveInto(draft.Path);
        }
        else
        {
            weights.Masters.SaveInto(draft.Path);
        }

        CompanionFiles.Copy(modelFolder, draft.Path);
        using (var scope = NewDisposeScope())
        {
            SafetensorsFile.Write(Path.Combine(draft.Path, OptimizerFile), weights.OptimizerState());
        }

        File.WriteAllText(Path.Combine(draft.Path, StateFile), JsonSerializer.Serialize(new State(step)));
        var hash = ModelWeights.Sha256(draft.Path);
        DiskFlush.Tree(draft.Path);
        FaultPoints.Reach(FaultPoints.BeforeCheckpointRenamed);
        var target = draft.Finish();
        DiskFlush.Entries(Path.GetDirectoryName(target)!);
        FaultPoints.Reach(FaultPoints.AfterCheckpointRenamed);
        return new BlobRef(target, hash);
    }

    /// <summary>Loads one, or a plain model folder as step 0 with a fresh optimizer.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="load">Loads the weights that are trained.</param>
    /// <param name="over">Puts an optimizer over them.</param>
    /// <returns>Weights, the caller's to dispose, and their step.</returns>
    /// <exception cref="InvalidDataException">A file does not fit.</exception>
    public static (PolicyWeights Weights, int Step) Load(string folder, Func<string, Decoder> load, Func<Decoder, PolicyWeights> over)
    {
        var weights = over(load(folder));
        try
        {
            var file = Path.Combine(folder, StateFile);
            if (!File.Exists(file))
            {
                return (weights, 0);
            }

            var state = JsonSerializer.Deserialize<State>(File.ReadAllText(file)) ?? throw new InvalidDataException($"{file} is empty");
            using var scope = NewDisposeScope();
            weights.LoadOptimizer(SafetensorsFile.Read(Path.Combine(folder, OptimizerFile)));
            return (weights, state.Step);
        }
        catch
        {
            weights.Dispose();
            throw;
        }
    }

    private sealed record State(int Step);
}
