using System.Globalization;
using Axpo.Silo.Hosting;
using Axpo.Silo.Runs;
using Axpo.Silo.Storage;

namespace Axpo.Silo.Replay;

/// <summary>Finds the weights that sampled a stored rollout.</summary>
internal static class StoredWeights
{
    /// <summary>The weights; null: the run's starting model.</summary>
    /// <exception cref="PreflightException">They are gone or others, or the rollout was sampled from more than one version.</exception>
    public static async Task<WeightsVersion?> OfAsync(RunFolders folders, RunManifest manifest, Rollout rollout, CancellationToken cancellationToken)
    {
        int[] versions = [.. Enumerable.Range(rollout.InheritedTokens, rollout.Tokens.Length - rollout.InheritedTokens).Select(t => rollout.Versions[t]).Where(v => v >= 0).Distinct().Order()];
        if (versions.Length > 1)
        {
            throw Problem("ID", rollout.Id.ToString(), $"was sampled from the weights of several steps ({string.Join(", ", versions)}), which were published while it was under way; such an episode cannot be replayed exactly");
        }

        // An episode whose prompt left no room has sampled nothing: any weights will do.
        return versions is [> 0 and var step] ? await CheckpointAsync(folders, manifest, step, cancellationToken) : await StartAsync(manifest, cancellationToken);
    }

    private static async Task<WeightsVersion?> StartAsync(RunManifest manifest, CancellationToken cancellationToken)
    {
        var folder = manifest.Configuration.Model;
        return Directory.Exists(folder) && await FileHashes.OfWeightsAsync(folder, cancellationToken) == manifest.ModelSha256
            ? null
            : throw Problem("model", folder, $"is gone or has other weights than when run '{manifest.Name}' began; put the original ones back");
    }

    private static async Task<WeightsVersion?> CheckpointAsync(RunFolders folders, RunManifest manifest, int step, CancellationToken cancellationToken)
    {
        var found = RunCheckpoints.Of(folders, manifest.Name).FirstOrDefault(c => c.Step == step);
        if (found is null)
        {
            var keep = manifest.Configuration.Learner.KeepCheckpoints;
            throw Problem("learner.keepCheckpoints", keep.ToString(CultureInfo.InvariantCulture), string.Create(
                CultureInfo.InvariantCulture,
                $"the weights of step {step}, which sampled this episode, are not stored any more{(keep > 0 ? $": only the newest {keep} checkpoints stay; a run with learner.keepCheckpoints=0 keeps all" : $" in {folders.Checkpoints(manifest.Name)}")}"));
        }

        return new WeightsVersion(found.Fence, step, found.Folder, await FileHashes.OfWeightsAsync(found.Folder, cancellationToken));
    }

    private static PreflightException Problem(string field, string value, string remedy) => new([new Problem(field, value, remedy)]);
}
