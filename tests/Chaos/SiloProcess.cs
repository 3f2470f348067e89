using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text;

namespace Axpo.Chaos.Tests;

/// <summary>A supervised silo in processes of its own: the supervisor, and the silo that it starts again and again.</summary>
internal sealed class SiloProcess : IDisposable
{
    private readonly string[] _args;
    private readonly Uri _health;
    private readonly StringBuilder _output = new();
    private readonly Lock _gate = new();
    private Process? _supervisor;
    private TaskCompletionSource<int> _up = Fresh();

    public SiloProcess(string name, string redis, string runs, params string[] more)
    {
        Name = name;
        // Ports that stay: a silo that comes back says at once that its predecessor is dead.
        var (silo, gateway, health) = (FreePort(), FreePort(), FreePort());
        Port = silo;
        _health = new Uri($"http://127.0.0.1:{Text(health)}/health/ready");
        _args = ["silo", "--supervise", "--verbose", "--redis", redis, "--name", name, "--runs", runs, "--silo-port", Text(silo), "--gateway-port", Text(gateway), "--health-port", Text(health), .. more];
    }

    public string Name { get; }

    /// <summary>Port at which the other silos reach it.</summary>
    public int Port { get; }

    /// <summary>Seconds by which the next start's clock is wrong.</summary>
    public int ClockOffset { get; set; }

    /// <summary>Environment of the next start, on top of this process's.</summary>
    public Dictionary<string, string> Environment { get; } = new(StringComparer.Ordinal);

    /// <summary>The silo's process; null while it is not up.</summary>
    public int? Child
    {
        get
        {
            lock (_gate)
            {
                return _up.Task is { IsCompletedSuccessfully: true } up ? up.Result : null;
            }
        }
    }

    /// <summary>How often the silo came up.</summary>
    public int Starts { get; private set; }

    public string Output
    {
        get
        {
            lock (_gate)
            {
                return _output.ToString();
            }
        }
    }

    /// <summary>Starts the supervisor, which starts the silo.</summary>
    public void Start()
    {
        var start = new ProcessStartInfo(Dotnet()) { UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var argument in _args.Prepend(Path.Combine(AppContext.BaseDirectory, "axpo.dll")))
        {
            start.ArgumentList.Add(argument);
        }

        // Several silos share a machine: a small heap each, and a quick start.
        start.Environment["DOTNET_gcServer"] = "0";
        start.Environment["DOTNET_TieredPGO"] = "0";
        start.Environment["AXPO_CLOCK_OFFSET"] = Text(ClockOffset);
        foreach (var (name, value) in Environment)
        {
            start.Environment[name] = value;
        }

        var process = Process.Start(start)!;
        _supervisor = process;
        process.OutputDataReceived += (_, line) => Take(process, line.Data);
        process.ErrorDataReceived += (_, line) => Take(process, line.Data);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
    }

    /// <summary>Waits until the silo serves.</summary>
    /// <returns>Its process.</returns>
    public async Task<int> UpAsync()
    {
        Task<int> up;
        lock (_gate)
        {
            up = _up.Task;
        }

        try
        {
            return await up.WaitAsync(Bounds.SiloUp);
        }
        catch (TimeoutException e)
        {
            throw new TimeoutException($"did not come: silo '{Name}'{System.Environment.NewLine}{Output}", e);
        }
    }

    /// <summary>Waits until the silo serves; one that has died of itself serves when it is back.</summary>
    public Task<int> NextUpAsync()
    {
        if (Child is { } child && !Processes.Signal(child, Processes.Nothing))
        {
            Down();
        }

        return UpAsync();
    }

    /// <summary>From here on it counts as not up, until it says so again.</summary>
    /// <returns>Its process.</returns>
    public int Down()
    {
        lock (_gate)
        {
            var child = _up.Task.Result;
            _up = Fresh();
            return child;
        }
    }

    /// <summary>Waits until it serves again after a pause: as the process it was, or, if the others declared that one dead, as its successor.</summary>
    public async Task ReturnsAsync(int child)
    {
        using var health = new HttpClient();
        var again = UpAsync();
        for (var begin = Stopwatch.GetTimestamp(); !again.IsCompleted && Stopwatch.GetElapsedTime(begin) < Bounds.SiloUp;)
        {
            try
            {
                if ((await health.GetAsync(_health)).IsSuccessStatusCode)
                {
                    lock (_gate)
                    {
                        _up.TrySetResult(child);
                    }
                }
            }
            catch (HttpRequestException)
            {
                // It has ended.
            }

            await Task.WhenAny(again, Task.Delay(TimeSpan.FromSeconds(1)));
        }

        await again;
    }

    /// <summary>The machine is gone: supervisor and silo at once.</summary>
    public async Task CrashAsync()
    {
        if (_supervisor is not { } supervisor)
        {
            return;
        }

        _supervisor = null;
        var children = Processes.Children(supervisor.Id);
        Processes.Signal(supervisor.Id, Processes.Kill);
        foreach (var (child, _) in children)
        {
            Processes.Signal(child, Processes.Kill);
        }

        using var limit = new CancellationTokenSource(Bounds.Gone);
        await supervisor.WaitForExitAsync(limit.Token);
        supervisor.Dispose();
    }

    /// <summary>Asks supervisor and silo to end, and waits until they have.</summary>
    public async Task<int> StopAsync()
    {
        var supervisor = _supervisor!;
        _supervisor = null;
        Processes.Signal(supervisor.Id, Processes.Terminate);
        using var limit = new CancellationTokenSource(Bounds.SiloUp);
        await supervisor.WaitForExitAsync(limit.Token);
        using (supervisor)
        {
            return supervisor.ExitCode;
        }
    }

    public void Dispose()
    {
        if (_supervisor is { HasExited: false } supervisor)
        {
            supervisor.Kill(entireProcessTree: true);
            supervisor.Dispose();
        }
    }

    private static TaskCompletionSource<int> Fresh() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);

    private static string Dotnet() => System.Environment.ProcessPath is { } host && Path.GetFileNameWithoutExtension(host) == "dotnet"
        ? host
        : Path.GetFullPath(Path.Combine(RuntimeEnvironment.GetRuntimeDirectory(), "..", "..", "..", "dotnet"));

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    private void Take(Process from, string? line)
    {
        if (line is null)
        {
            return;
        }

        lock (_gate)
        {
            _output.AppendLine(line);
            if (ReferenceEquals(from, _supervisor) && line.StartsWith($"silo '{Name}' of cluster", StringComparison.Ordinal))
            {
                Starts++;
                if (_up.Task.IsCompleted)
                {
                    // It died of itself and is back.
                    _up = Fresh();
                }

                if (Processes.Children(from.Id) is [{ Id: var child }, ..])
                {
                    _up.TrySetResult(child);
                }
            }
        }
    }
}
