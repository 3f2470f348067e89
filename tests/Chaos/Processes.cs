using System.Globalization;
using System.Runtime.InteropServices;

namespace Axpo.Chaos.Tests;

/// <summary>Other processes: who is whose child, and signals.</summary>
internal static partial class Processes
{
    /// <summary>Only asks whether the process lives.</summary>
    public const int Nothing = 0;
    public const int Kill = 9;
    public const int Terminate = 15;
    public const int Continue = 18;
    public const int Stop = 19;

    /// <summary>Children of a process, with their names.</summary>
    public static IReadOnlyList<(int Id, string Name)> Children(int parent)
    {
        var found = new List<(int, string)>();
        foreach (var folder in Directory.EnumerateDirectories("/proc").Where(f => char.IsAsciiDigit(Path.GetFileName(f)[0])))
        {
            try
            {
                var stat = File.ReadAllText(Path.Combine(folder, "stat"));
                var (open, close) = (stat.IndexOf('('), stat.LastIndexOf(')'));
                if (int.Parse(stat[(close + 2)..].Split(' ')[1], CultureInfo.InvariantCulture) == parent)
                {
                    found.Add((int.Parse(Path.GetFileName(folder), CultureInfo.InvariantCulture), stat[(open + 1)..close]));
                }
            }
            catch (IOException)
            {
                // It has ended.
            }
        }

        return found;
    }

    /// <summary>Sends a signal.</summary>
    /// <returns>Whether there was such a process.</returns>
    public static bool Signal(int process, int signal) => Send(process, signal) == 0;

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    private static partial int Send(int pid, int signal);
}
