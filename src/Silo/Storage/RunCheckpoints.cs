using System.Globalization;

namespace Axpo.Silo.Storage;

/// <summary>A checkpoint on the disk.</summary>
/// <param name="Step">Its training step.</param>
/// <param name="Fence">Fence of the trainer that wrote it.</param>
/// <param name="Folder">Where it is.</param>
public sealed record RunCheckpoint(int Step, long Fence, string Folder);

/// <summary>Checkpoints of runs.</summary>
public static class RunCheckpoints
{
    private const string Prefix = "step-";
    private const string Middle = "-fence-";

    /// <summary>Name of a checkpoint's folder.</summary>
    public static string Name(int step, long fence) => string.Create(CultureInfo.InvariantCulture, $"{Prefix}{step:D6}{Middle}{fence}");

    /// <summary>A run's, one of each step, in order: a trainer that took a step over wrote it again with a higher fence, and that one was committed.</summary>
    public static IReadOnlyList<RunCheckpoint> Of(RunFolders folders, string run)
    {
        var root = new DirectoryInfo(folders.Checkpoints(run));
        return [.. (root.Exists ? root.EnumerateDirectories($"{Prefix}*{Middle}*") : []).Select(Read).OfType<RunCheckpoint>().GroupBy(c => c.Step).Select(g => g.MaxBy(c => c.Fence)!).OrderBy(c => c.Step)];
    }

    private static RunCheckpoint? Read(DirectoryInfo folder) =>
        folder.Name[Prefix.Length..].Split(Middle) is [var step, var fence]
        && int.TryParse(step, NumberStyles.None, CultureInfo.InvariantCulture, out var number)
        && long.TryParse(fence, NumberStyles.None, CultureInfo.InvariantCulture, out var taken)
            ? new RunCheckpoint(number, taken, folder.FullName)
            : null;
}
