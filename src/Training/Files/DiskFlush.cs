using System.ComponentModel;
using System.Runtime.InteropServices;

namespace Axpo.Training.Files;

/// <summary>What was written reaches the disk before the caller goes on: content of files, and the entries of folders, which a rename changes.</summary>
public static partial class DiskFlush
{
    private const int ReadOnlyFolder = 0x10000; // O_RDONLY | O_DIRECTORY

    /// <summary>Flushes every file of a folder and its entries.</summary>
    public static void Tree(string folder)
    {
        foreach (var path in Directory.EnumerateFiles(folder))
        {
            using var file = new FileStream(path, FileMode.Open, FileAccess.ReadWrite);
            file.Flush(flushToDisk: true);
        }

        Entries(folder);
    }

    /// <summary>Flushes a folder's entries. Does nothing where the system has no such thing (Windows).</summary>
    /// <exception cref="IOException">The system says no.</exception>
    public static void Entries(string folder)
    {
        if (OperatingSystem.IsWindows())
        {
            return;
        }

        var handle = Open(folder, ReadOnlyFolder);
        if (handle < 0)
        {
            throw Failed(folder);
        }

        try
        {
            // A file system that cannot flush a folder (EINVAL) orders its renames itself.
            if (Flush(handle) != 0 && Marshal.GetLastPInvokeError() != 22)
            {
                throw Failed(folder);
            }
        }
        finally
        {
            _ = Close(handle);
        }
    }

    private static IOException Failed(string folder) => new($"the entries of '{folder}' could not be flushed to the disk: {new Win32Exception(Marshal.GetLastPInvokeError()).Message}");

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    private static partial int Flush(int handle);

    [LibraryImport("libc", EntryPoint = "close", SetLastError = true)]
    private static partial int Close(int handle);
}
