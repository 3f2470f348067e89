using System.Globalization;

namespace Axpo.Silo.Hosting;

/// <summary>Memory that a new run may take on this machine.</summary>
/// <param name="AvailableBytes">Bytes that are free or that the system would take back from files: of the machine, or within the limit of a container, whichever is less.</param>
public sealed record MachineMemory(long AvailableBytes)
{
    /// <summary>Reads it; null where the system does not say (other than Linux).</summary>
    /// <param name="root">Folder that holds <c>proc</c> and <c>sys</c>.</param>
    public static MachineMemory? Read(string root = "/")
    {
        var meminfo = Path.Combine(root, "proc", "meminfo");
        if (!File.Exists(meminfo) || Field(meminfo, "MemAvailable:") is not { } kibibytes)
        {
            return null;
        }

        return new MachineMemory(Groups(root).Select(Left).Append(kibibytes << 10).Min());
    }

    /// <summary>What a control group leaves of its limit, pages of files that it would give back counted as free; no limit: everything.</summary>
    private static long Left(string group)
    {
        foreach (var (limit, usage, files) in new[] { ("memory.max", "memory.current", "inactive_file"), ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file") })
        {
            if (Number(Path.Combine(group, limit)) is { } most && Number(Path.Combine(group, usage)) is { } used)
            {
                return Math.Max(0, most - used + (Field(Path.Combine(group, "memory.stat"), files) ?? 0));
            }
        }

        return long.MaxValue;
    }

    /// <summary>This process's control group and those above it, of version 2 and 1.</summary>
    private static IEnumerable<string> Groups(string root)
    {
        var file = Path.Combine(root, "proc", "self", "cgroup");
        foreach (var parts in (File.Exists(file) ? File.ReadAllLines(file) : []).Select(l => l.Split(':', 3)).Where(p => p.Length == 3))
        {
            var top = parts[1].Length == 0 ? Path.Combine(root, "sys", "fs", "cgroup")
                : parts[1].Split(',').Contains("memory") ? Path.Combine(root, "sys", "fs", "cgroup", "memory")
                : null;
            for (var path = parts[2].Trim('/'); top is not null; path = Path.GetDirectoryName(path) ?? "")
            {
                yield return Path.Combine(top, path);
                if (path.Length == 0)
                {
                    break;
                }
            }
        }
    }

    private static long? Number(string file) =>
        File.Exists(file) && long.TryParse(File.ReadAllText(file).Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out var value) ? value : null;

    private static long? Field(string file, string name) =>
        File.Exists(file) && File.ReadLines(file).Select(l => l.Split(' ', StringSplitOptions.RemoveEmptyEntries)).FirstOrDefault(p => p.Length > 1 && p[0] == name) is { } parts
        && long.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out var value) ? value : null;
}
