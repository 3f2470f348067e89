using System.Globalization;
using System.Runtime.InteropServices;

namespace Axpo.Client.Tests.EndToEnd;

/// <summary>A process that is no child of this one, held so that its end can be awaited (pidfd).</summary>
internal sealed partial class OtherProcess : IDisposable
{
    private const long PidfdOpen = 434;
    private const short Readable = 1;
    private readonly int _handle;

    private OtherProcess(int id, string name, int handle) => (Id, Name, _handle) = (id, name, handle);

    public int Id { get; }

    public string Name { get; }

    /// <summary>All processes below one, each held.</summary>
    public static IReadOnlyList<OtherProcess> Below(int ancestor)
    {
        var parents = new Dictionary<int, (int Parent, string Name)>();
        foreach (var folder in Directory.EnumerateDirectories("/proc").Where(f => char.IsAsciiDigit(Path.GetFileName(f)[0])))
        {
            try
            {
                var stat = File.ReadAllText(Path.Combine(folder, "stat"));
                var (open, close) = (stat.IndexOf('('), stat.LastIndexOf(')'));
                parents[int.Parse(Path.GetFileName(folder), CultureInfo.InvariantCulture)] = (int.Parse(stat[(close + 2)..].Split(' ')[1], CultureInfo.InvariantCulture), stat[(open + 1)..close]);
            }
            catch (IOException)
            {
                // It has ended.
            }
        }

        var found = new List<OtherProcess>();
        foreach (var (id, (_, name)) in parents)
        {
            for (var at = id; at != 0 && parents.TryGetValue(at, out var above); at = above.Parent)
            {
                if (above.Parent == ancestor && Call(PidfdOpen, id, 0) is >= 0 and var handle)
                {
                    found.Add(new OtherProcess(id, name, handle));
                    break;
                }
            }
        }

        return found;
    }

    /// <summary>Waits for its end.</summary>
    /// <returns>Whether it came in time.</returns>
    public Task<bool> EndsAsync(TimeSpan atMost) => Task.Run(() =>
    {
        var poll = new Poll { Handle = _handle, Events = Readable };
        return Wait(ref poll, 1, (int)atMost.TotalMilliseconds) == 1;
    });

    public void Dispose() => Close(_handle);

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    private static partial int Call(long number, int pid, uint flags);

    [LibraryImport("libc", EntryPoint = "poll", SetLastError = true)]
    private static partial int Wait(ref Poll poll, ulong count, int milliseconds);

    [LibraryImport("libc", EntryPoint = "close", SetLastError = true)]
    private static partial int Close(int handle);

    [StructLayout(LayoutKind.Sequential)]
    private struct Poll
    {
        public int Handle;
        public short Events;
        public short Returned;
    }
}
