using System.Globalization;
using Axpo.Client;
using Axpo.Silo.Tests.Cluster;
using Spectre.Console.Testing;

namespace Axpo.Chaos.Tests;

/// <summary>A cluster in child processes, its Redis, and its shared folder.</summary>
internal sealed class Cluster : IAsyncDisposable
{
    /// <summary>Names a folder that keeps the silos' logs.</summary>
    private const string LogFolder = "AXPO_CHAOS_LOGS";

    private readonly string _folder;
    private readonly bool _isMounted;

    private Cluster(RedisServer redis, string folder, bool isMounted)
    {
        (Redis, _folder, _isMounted) = (redis, folder, isMounted);
        Folders = new RunFolders(Path.Combine(folder, "runs"));
        Directory.CreateDirectory(Folders.Root);
    }

    public RedisServer Redis { get; }

    /// <summary>The shared folder of the runs.</summary>
    public RunFolders Folders { get; }

    /// <summary>Whether the shared folder is a small disk of its own, which can be full.</summary>
    public bool HasDisk => _isMounted;

    public List<SiloProcess> Silos { get; } = [];

    /// <summary>Prepares one without silos.</summary>
    /// <param name="diskMebibytes">Size of the disk of the shared folder (root only); 0: an ordinary folder.</param>
    public static async Task<Cluster> StartAsync(int diskMebibytes = 0)
    {
        var redis = await RedisServer.StartAsync();
        var folder = Directory.CreateTempSubdirectory("axpo-chaos-").FullName;
        var isMounted = diskMebibytes > 0 && await Shell.TryAsync("mount", "-t", "tmpfs", "-o", string.Create(CultureInfo.InvariantCulture, $"size={diskMebibytes}m"), "axpo-chaos", folder);
        return new Cluster(redis, folder, isMounted);
    }

    /// <summary>Adds a silo; it is not started.</summary>
    public SiloProcess Add(string name, params string[] more)
    {
        var silo = new SiloProcess(name, Redis.Address, Folders.Root, more);
        Silos.Add(silo);
        return silo;
    }

    /// <summary>Runs a command of the console in this process.</summary>
    /// <returns>Its exit code, and what it wrote.</returns>
    public async Task<(ExitCode Code, string Output)> RunAsync(CancellationToken stop, params string[] args)
    {
        await using var output = new StringWriter();
        using var screen = new TestConsole();
        var context = new CommandContext(output, output, screen, screen, isTerminal: false, TimeProvider.System, stop);
        var code = await AxpoCommand.RunAsync(["--runs", Folders.Root, .. args], context);
        return ((ExitCode)code, output.ToString());
    }

    /// <summary>Trains a run on the cluster to its end.</summary>
    public async Task TrainAsync(string run, CancellationToken stop)
    {
        ExitCode code;
        string output;
        do
        {
            // Redis may be down just when the run is to begin: nothing has begun then.
            (code, output) = await RunAsync(stop, ["train", "--name", run, "--connect", Redis.Address, .. TinyRun.Arguments]).WaitAsync(Bounds.Run, CancellationToken.None);
        }
        while (code == ExitCode.Environment && !stop.IsCancellationRequested);
        if (!stop.IsCancellationRequested)
        {
            code.ShouldBe(ExitCode.Done, $"{run}: {output}{Environment.NewLine}{Logs()}");
        }
    }

    /// <summary>The same run, undisturbed and in this process.</summary>
    public async Task<StoredRun> UndisturbedAsync()
    {
        var (code, output) = await RunAsync(CancellationToken.None, ["train", "--name", "undisturbed", .. TinyRun.Arguments]);
        code.ShouldBe(ExitCode.Done, output);
        return new StoredRun(Folders, "undisturbed");
    }

    /// <summary>Waits until any silo's log says something.</summary>
    public async Task LoggedAsync(string text)
    {
        var said = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var watcher = new FileSystemWatcher(Folders.Root, "silo-*.log") { NotifyFilter = NotifyFilters.FileName | NotifyFilters.Size | NotifyFilters.LastWrite };
        watcher.Changed += (_, e) => Look(e.FullPath);
        watcher.EnableRaisingEvents = true;
        foreach (var log in Directory.GetFiles(Folders.Root, "silo-*.log"))
        {
            Look(log);
        }

        try
        {
            await said.Task.WaitAsync(Bounds.Progress);
        }
        catch (TimeoutException e)
        {
            throw new TimeoutException($"did not come: '{text}' in a silo's log{Environment.NewLine}{Logs()}", e);
        }

        void Look(string log)
        {
            if (File.ReadLines(log).Any(l => l.Contains(text, StringComparison.Ordinal)))
            {
                said.TrySetResult();
            }
        }
    }

    /// <summary>What a silo has logged.</summary>
    public IEnumerable<string> LogOf(string silo) => Path.Combine(Folders.Root, $"silo-{silo}.log") is var log && File.Exists(log) ? File.ReadLines(log) : [];

    /// <summary>The ends of the silos' logs.</summary>
    public string Logs() => string.Join(Environment.NewLine, Silos.Select(s =>
        $"{s.Name}:{Environment.NewLine}{string.Join(Environment.NewLine, LogOf(s.Name).Where(l => !l.Contains(" Debug ", StringComparison.Ordinal)).TakeLast(60))}"));

    public async ValueTask DisposeAsync()
    {
        foreach (var silo in Silos)
        {
            await silo.CrashAsync();
            silo.Dispose();
        }

        if (Environment.GetEnvironmentVariable(LogFolder) is { Length: > 0 } logs)
        {
            Directory.CreateDirectory(logs);
            foreach (var log in Directory.GetFiles(Folders.Root, "silo-*.log"))
            {
                File.Copy(log, Path.Combine(logs, Path.GetFileName(log)), overwrite: true);
            }
        }

        await Redis.DisposeAsync();
        if (_isMounted)
        {
            await Shell.TryAsync("umount", "-l", _folder);
        }

        Directory.Delete(_folder, recursive: true);
    }
}
