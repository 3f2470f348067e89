using Axpo.Training.Files;

namespace Axpo.Silo.Storage;

/// <summary>Files that are there whole or not at all: written aside, flushed to the disk, renamed.</summary>
public static class AtomicFile
{
    /// <summary>Replaces a file's content.</summary>
    public static async ValueTask WriteAsync(string path, ReadOnlyMemory<byte> content, CancellationToken cancellationToken)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);
        var aside = $"{path}.{Guid.NewGuid():N}.part";
        try
        {
            var stream = new FileStream(aside, FileMode.CreateNew, FileAccess.Write, FileShare.None, 1, FileOptions.Asynchronous);
            await using (stream)
            {
                await stream.WriteAsync(content, cancellationToken);
                stream.Flush(flushToDisk: true);
            }

            File.Move(aside, path, overwrite: true);
            DiskFlush.Entries(Path.GetDirectoryName(Path.GetFullPath(path))!);
        }
        catch
        {
            File.Delete(aside);
            throw;
        }
    }
}
