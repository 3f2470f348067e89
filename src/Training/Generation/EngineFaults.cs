using System.Runtime.InteropServices;

namespace Axpo.Training.Generation;

/// <summary>What an exception of a step means.</summary>
internal static class EngineFaults
{
    /// <summary>What libtorch, and the libraries under it, say when memory runs out, on the processor or on a device.</summary>
    private static readonly string[] OutOfMemoryWords = ["allocate memory", "not enough memory", "out of memory", "STATUS_ALLOC_FAILED"];

    /// <summary>Memory ran out, in .NET or in libtorch, which says so in words only.</summary>
    public static bool IsOutOfMemory(Exception e) => e is OutOfMemoryException || (e is ExternalException && OfMemory(e.Message));

    /// <summary>Native code failed: its state, and what it wrote, cannot be trusted any more.</summary>
    public static bool IsNative(Exception e) => e is ExternalException && !OfMemory(e.Message);

    public static string Text(Exception e) => $"{e.GetType().Name}: {e.Message}";

    private static bool OfMemory(string message) => Array.Exists(OutOfMemoryWords, w => message.Contains(w, StringComparison.OrdinalIgnoreCase));
}
