namespace Axpo.Training.Models;

/// <summary>Writes model folders aside and renames them: a folder is there whole or not at all.</summary>
internal static class ModelFolder
{
    /// <summary>Writes one.</summary>
    /// <param name="folder">Where it shall be.</param>
    /// <param name="fill">Writes its files into the folder that it is given.</param>
    /// <exception cref="IOException">The folder exists.</exception>
    public static void Write(string folder, Action<string> fill)
    {
        var target = Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder));
        if (Directory.Exists(target))
        {
            throw new IOException($"'{folder}' exists; a model folder is never overwritten");
        }

        var aside = $"{target}.{Guid.NewGuid():N}.part";
        Directory.CreateDirectory(aside);
        try
        {
            fill(aside);
            Directory.Move(aside, target);
        }
        catch
        {
            Directory.Delete(aside, recursive: true);
            throw;
        }
    }
}
