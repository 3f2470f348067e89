using System.Diagnostics;
using System.Globalization;
using Axpo.Training.Models;

namespace Axpo.Bench;

/// <summary>What loading a model takes, in a process that does nothing else: time, and memory of its own (not of the file).</summary>
/// <param name="ReadSeconds">Reading the folder's weights once, from the system's cache.</param>
/// <param name="LoadSeconds">Loading them.</param>
/// <param name="Before">Anonymous bytes before.</param>
/// <param name="After">Anonymous bytes with the model loaded.</param>
/// <param name="Most">Most anonymous bytes meanwhile, as often as it was looked at.</param>
internal sealed record LoadedMemory(double ReadSeconds, double LoadSeconds, long Before, long After, long Most)
{
    /// <summary>First argument of the process.</summary>
    public const string Verb = "measure-load";

    private const string Engine = "engine";
    private const string Learner = "learner";

    private static readonly TimeSpan _between = TimeSpan.FromMilliseconds(5);

    /// <summary>Whether this system says what memory is a process's own.</summary>
    public static bool IsKnown => File.Exists("/proc/self/smaps_rollup");

    /// <summary>Measures, in a process of its own.</summary>
    /// <param name="folder">The model.</param>
    /// <param name="forEngine">As the engine loads it, or as the learner does.</param>
    public static async Task<LoadedMemory> OfAsync(string folder, bool forEngine)
    {
        using var process = Process.Start(new ProcessStartInfo(Environment.ProcessPath!, [Verb, folder, forEngine ? Engine : Learner]) { RedirectStandardOutput = true, UseShellExecute = false })!;
        var words = (await process.StandardOutput.ReadToEndAsync()).Split(' ');
        await process.WaitForExitAsync();
        if (process.ExitCode != 0 || words.Length != 5)
        {
            throw new InvalidOperationException($"the process that loads '{folder}' ended with {process.ExitCode}");
        }

        double Number(int i) => double.Parse(words[i], CultureInfo.InvariantCulture);
        return new LoadedMemory(Number(0), Number(1), (long)Number(2), (long)Number(3), (long)Number(4));
    }

    /// <summary>What that process does.</summary>
    public static string Measure(string folder, string loader)
    {
        var buffer = new byte[1 << 20];
        ReadAll(folder, buffer);
        var clock = Stopwatch.StartNew();
        ReadAll(folder, buffer);
        var read = clock.Elapsed.TotalSeconds;
        var before = Anonymous();
        using var done = new ManualResetEventSlim();
        var most = before;
        var watch = BareLoop.OnThread(() =>
        {
            while (!done.Wait(_between))
            {
                most = Math.Max(most, Anonymous());
            }

            return 0;
        });
        clock.Restart();
        using var decoder = loader == Engine ? Decoder.LoadPacked(folder) : Decoder.Load(folder);
        var load = clock.Elapsed.TotalSeconds;
        done.Set();
        watch.Wait();
        var after = Anonymous();
        return string.Create(CultureInfo.InvariantCulture, $"{read} {load} {before} {after} {Math.Max(most, after)}");
    }

    private static void ReadAll(string folder, byte[] buffer)
    {
        foreach (var path in Training.Safetensors.ModelWeights.Files(folder))
        {
            using var file = File.OpenRead(path);
            while (file.Read(buffer) > 0)
            {
            }
        }
    }

    private static long Anonymous()
    {
        var line = File.ReadLines("/proc/self/smaps_rollup").First(l => l.StartsWith("Anonymous:", StringComparison.Ordinal));
        return long.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture) << 10;
    }
}
