using System.Globalization;
using Axpo.Grains.Abstractions;
using Axpo.Silo.Hosting;
using Axpo.Silo.Storage;
using Axpo.Training.Files;
using Axpo.Training.Learning;

namespace Axpo.Silo.Runs;

/// <summary>A policy that was exported.</summary>
/// <param name="Folder">Where to.</param>
/// <param name="Step">Its training step.</param>
/// <param name="Checkpoint">The checkpoint that it is of.</param>
/// <param name="IsAdapter">Whether it is an adapter rather than a whole model.</param>
/// <param name="Model">The model that the run began with, to which an adapter belongs.</param>
public sealed record ExportedPolicy(string Folder, int Step, string Checkpoint, bool IsAdapter, string Model);

/// <summary>Exports the policy of a run as a Hugging Face folder. The run is only read; it may be under way.</summary>
public static class PolicyExport
{
    /// <summary>Exports one: the folder is there whole or not at all.</summary>
    /// <param name="folders">Where the runs are.</param>
    /// <param name="run">The run.</param>
    /// <param name="step">Its training step; null: the newest that is committed and still stored.</param>
    /// <param name="merged">Whether an adapter goes into the weights of its model. The policy of a run without an adapter is whole anyway.</param>
    /// <param name="output">Folder to write; must not exist.</param>
    /// <param name="cancellationToken">Cancels; nothing is written then.</param>
    /// <exception cref="PreflightException">There is nothing to export, the folder exists, or the model below an adapter is gone or another.</exception>
    public static async Task<ExportedPolicy> WriteAsync(RunFolders folders, RunOverview run, int? step, bool merged, string output, CancellationToken cancellationToken)
    {
        var manifest = run.Manifest;
        if (Path.Exists(output))
        {
            throw Problem("--out", output, "exists; a model folder is never overwritten: choose another, or remove it first");
        }

        var checkpoint = Choose(folders, run, step);
        var isAdapter = CheckpointExport.IsAdapter(checkpoint.Folder);
        var model = manifest.Configuration.Model;
        if (isAdapter && merged && (!Directory.Exists(model) || await FileHashes.OfWeightsAsync(model, cancellationToken) != manifest.ModelSha256))
        {
            throw Problem("--merged", model, $"is the model that the adapter of run '{manifest.Name}' belongs to, and is gone or has other weights than when the run began; put the original ones back, or export the adapter alone");
        }

        using var draft = new FolderDraft(output);
        await Task.Run(() => CheckpointExport.WriteInto(checkpoint.Folder, merged, draft.Path), cancellationToken);
        DiskFlush.Tree(draft.Path);
        cancellationToken.ThrowIfCancellationRequested();
        var target = draft.Finish();
        return new ExportedPolicy(target, checkpoint.Step, checkpoint.Folder, isAdapter && !merged, model);
    }

    private static RunCheckpoint Choose(RunFolders folders, RunOverview run, int? step)
    {
        var manifest = run.Manifest;
        if (manifest.Kind != RunKind.Train)
        {
            throw Problem("RUN", manifest.Name, $"does not train: its policy is the model that it was given, {manifest.Configuration.Model}");
        }

        if (step == 0)
        {
            throw Problem("--step", "0", $"is the model that the run began with: {manifest.Configuration.Model}");
        }

        // A step is committed for certain once its row is written.
        RunCheckpoint[] stored = [.. RunCheckpoints.Of(folders, manifest.Name).Where(c => c.Step <= run.Step)];
        if (stored.Length == 0)
        {
            throw Problem("RUN", manifest.Name, $"has no checkpoint of a finished step yet; follow it with: axpo runs watch {manifest.Name}");
        }

        return step is null ? stored[^1] : Array.Find(stored, c => c.Step == step) ?? throw Problem("--step", Text(step.Value), $"is not stored; there are {string.Join(", ", stored.Select(c => Text(c.Step)))} (learner.keepCheckpoints={manifest.Configuration.Learner.KeepCheckpoints}; 0 keeps all)");
    }

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);

    private static PreflightException Problem(string field, string value, string remedy) => new([new Problem(field, value, remedy)]);
}
