using System.Runtime.InteropServices;

namespace Axpo.Training.Generation;

/// <summary>What an exception of a step means.</summary>
internal static class EngineFaults
{
    /// <summary>Memory ran out, in .NET or in libtorch, which says so in words only.</summary>
    public static bool IsOutOfMemory(Exception e) => e is OutOfMemoryException || (e is ExternalException && OfMemory(e.Message));

    /// <summary>Native code failed: its state, and what it wrote, cannot be trusted any more.</summary>
    public static bool IsNative(Exception e) => e is ExternalException && !OfMemory(e.Message);

    public static string Text(Exception e) => $"{e.GetType().Name}: {e.Message}";

    private static bool OfMemory(string message) =>
        message.Contains("allocate memory", StringComparison.OrdinalIgnoreCase)
        || message.Contains("not enough memory", StringComparison.OrdinalIgnoreCase)
        || message.Contains("out of memory", StringComparison.OrdinalIgnoreCase);
}
