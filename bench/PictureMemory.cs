using System.Diagnostics;
using System.Globalization;
using Axpo.Imaging;

namespace Axpo.Bench;

/// <summary>Most memory that a file's way to patches takes, in a process that does nothing else.</summary>
internal static class PictureMemory
{
    /// <summary>First argument of the process.</summary>
    public const string Verb = "measure-picture";

    private const string Status = "/proc/self/status";
    private const string Forget = "/proc/self/clear_refs";
    private static readonly TimeSpan _between = TimeSpan.FromMilliseconds(1);

    /// <summary>Whether this system says how much memory a process has.</summary>
    public static bool IsKnown => File.Exists(Status);

    /// <summary>Bytes beyond those that the process had before.</summary>
    /// <param name="file">The picture's file.</param>
    /// <param name="way">Of <see cref="VisionCanvasBench.Run"/>.</param>
    public static async Task<long> OfAsync(string file, string way)
    {
        using var process = Process.Start(new ProcessStartInfo(Environment.ProcessPath!, [Verb, file, way]) { RedirectStandardOutput = true, UseShellExecute = false })!;
        var text = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        return process.ExitCode == 0 && long.TryParse(text, CultureInfo.InvariantCulture, out var bytes)
            ? bytes
            : throw new InvalidOperationException($"the process that reads '{file}' ended with {process.ExitCode}");
    }

    /// <summary>What that process does.</summary>
    public static string Measure(string file, string way)
    {
        // Libraries and code are loaded before.
        var small = Path.GetTempFileName();
        File.WriteAllBytes(small, PictureEncoder.Png(new Picture(64, 32, new byte[64 * 32 * 3])));
        VisionCanvasBench.Run(small, way);
        File.Delete(small);
        GC.Collect();
        var isReset = Reset();
        var before = Of("VmRSS:");
        var most = before;
        using var done = new ManualResetEventSlim();
        var watch = BareLoop.OnThread(() =>
        {
            while (!done.Wait(_between))
            {
                most = Math.Max(most, Of("VmRSS:"));
            }

            return 0;
        });
        VisionCanvasBench.Run(file, way);
        done.Set();
        watch.Wait();
        return ((isReset ? Math.Max(most, Of("VmHWM:")) : most) - before).ToString(CultureInfo.InvariantCulture);
    }

    /// <summary>Makes the system forget the most so far; where it may not, looking often has to do.</summary>
    private static bool Reset()
    {
        try
        {
            File.WriteAllText(Forget, "5");
            return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    private static long Of(string field)
    {
        var line = File.ReadLines(Status).First(l => l.StartsWith(field, StringComparison.Ordinal));
        return long.Parse(line.Split((char[])[' ', '\t'], StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture) << 10;
    }
}
