using System.Globalization;

namespace Axpo.Training.Devices;

/// <summary>What the system says of the processor's caches.</summary>
internal static class ProcessorCache
{
    private const string Folder = "/sys/devices/system/cpu/cpu0/cache";

    /// <summary>Bytes of the last level; 0 where the system does not say.</summary>
    public static long LastLevelBytes { get; } = Read(Folder);

    /// <summary>Reads one processor's folder of caches as Linux lays it out (Documentation/ABI/testing/sysfs-devices-system-cpu).</summary>
    /// <returns>Bytes; 0 where nothing is said.</returns>
    public static long Read(string folder)
    {
        try
        {
            var last = Directory.EnumerateDirectories(folder, "index*").OrderBy(index => Line(index, "level"), StringComparer.Ordinal).LastOrDefault();
            var size = last is null ? "" : Line(last, "size");
            return size.EndsWith('K') && long.TryParse(size.AsSpan(0, size.Length - 1), NumberStyles.None, CultureInfo.InvariantCulture, out var kibibytes) ? kibibytes << 10 : 0;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return 0;
        }
    }

    private static string Line(string folder, string file) => File.ReadAllText(Path.Combine(folder, file)).Trim();
}
