using System.Globalization;
using System.Runtime.InteropServices;
using TorchSharp;

namespace Axpo.Bench;

/// <summary>What the figures were measured on.</summary>
internal static class Machine
{
    private static readonly string[] _interesting = ["avx2", "avx512f", "avx512_bf16", "amx_bf16"];

    /// <summary>Processor, its vector units, memory, system and libraries.</summary>
    public static string Describe()
    {
        var memory = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / 1073741824.0;
        return string.Create(CultureInfo.InvariantCulture, $"{Environment.ProcessorCount} cores, {Processor()}; {memory:F0} GiB; {RuntimeInformation.OSDescription}; {RuntimeInformation.FrameworkDescription}; TorchSharp {torch.__version__}");
    }

    /// <summary>Processes that wanted a core: over 1, 5 and 15 minutes.</summary>
    public static string Load() => File.Exists("/proc/loadavg") ? string.Join(' ', File.ReadAllText("/proc/loadavg").Split(' ').Take(3)) : "unknown";

    private static string Processor()
    {
        if (!File.Exists("/proc/cpuinfo"))
        {
            return RuntimeInformation.ProcessArchitecture.ToString();
        }

        var lines = File.ReadAllLines("/proc/cpuinfo");
        var flags = Field("flags").Split(' ').ToHashSet(StringComparer.Ordinal);
        return $"{Field("model name")} ({string.Join(", ", _interesting.Where(flags.Contains))})";

        string Field(string name) => lines.FirstOrDefault(l => l.StartsWith(name, StringComparison.Ordinal))?.Split(':', 2)[1].Trim() ?? "unknown";
    }
}
