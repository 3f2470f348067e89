namespace Axpo.Training.Files;

/// <summary>A folder that is written aside and renamed when it is whole: it is there whole or not at all. What was not finished is deleted.</summary>
public sealed class FolderDraft : IDisposable
{
    private readonly string _target;
    private bool _isFinished;

    /// <summary>Begins one.</summary>
    /// <param name="folder">Where it shall be.</param>
    /// <exception cref="IOException">The folder exists.</exception>
    public FolderDraft(string folder)
    {
        _target = System.IO.Path.TrimEndingDirectorySeparator(System.IO.Path.GetFullPath(folder));
        if (Directory.Exists(_target))
        {
            throw new IOException($"'{folder}' exists; a finished folder is never overwritten");
        }

        Path = $"{_target}.{Guid.NewGuid():N}.part";
        Directory.CreateDirectory(Path);
    }

    /// <summary>Where its files are written meanwhile.</summary>
    public string Path { get; }

    /// <summary>Renames it.</summary>
    /// <returns>Its full path.</returns>
    public string Finish()
    {
        Directory.Move(Path, _target);
        _isFinished = true;
        return _target;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (!_isFinished)
        {
            Directory.Delete(Path, recursive: true);
        }
    }
}
