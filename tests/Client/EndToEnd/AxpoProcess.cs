using System.Collections.Concurrent;
using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text;
using Axpo.Silo.Faults;

namespace Axpo.Client.Tests.EndToEnd;

/// <summary>The console as a process of its own, which can be killed.</summary>
internal sealed partial class AxpoProcess : IDisposable
{
    /// <summary>Longest wait for something that takes some seconds.</summary>
    public static readonly TimeSpan Liveness = TimeSpan.FromMinutes(5);

    private const int Interruption = 2;
    private const int Freezing = 19;
    private readonly Process _process;
    private readonly StringBuilder _output = new();
    private readonly StringBuilder _error = new();
    private readonly ConcurrentDictionary<string, TaskCompletionSource> _awaited = new(StringComparer.Ordinal);

    private AxpoProcess(Process process)
    {
        _process = process;
        process.OutputDataReceived += (_, line) => Take(_output, line.Data);
        process.ErrorDataReceived += (_, line) => Take(_error, line.Data);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
    }

    public int Id => _process.Id;

    public string Output => Read(_output);

    public string Error => Read(_error);

    /// <summary>Starts a command line.</summary>
    public static AxpoProcess Start(params string[] args) => Start(((string, string)?)null, args);

    /// <summary>Starts a command line with another PATH.</summary>
    public static AxpoProcess Start(string path, string[] args) => Start(("PATH", path), args);

    /// <summary>Starts a command line that meets a fault (<c>AXPO_FAULT</c>).</summary>
    public static AxpoProcess StartWithFault(string fault, params string[] args) => Start((FaultInjection.Variable, fault), args);

    private static AxpoProcess Start((string Name, string Value)? variable, string[] args)
    {
        // A shell starts what it runs in the background deaf to Ctrl-C, and that is inherited: not by what hears it here.
        string[] hearing = ["--default-signal=INT", Environment.ProcessPath is { } host && Path.GetFileNameWithoutExtension(host) == "dotnet" ? host : Dotnet()];
        var start = new ProcessStartInfo("/usr/bin/env")
        {
            UseShellExecute = false,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (var argument in hearing.Append(Path.Combine(AppContext.BaseDirectory, "axpo.dll")).Concat(args))
        {
            start.ArgumentList.Add(argument);
        }

        if (variable is var (name, value))
        {
            start.Environment[name] = value;
        }

        return new AxpoProcess(Process.Start(start)!);
    }

    /// <summary>Waits for a line on stdout that begins so.</summary>
    public async Task LineAsync(string beginning)
    {
        var line = _awaited.GetOrAdd(beginning, _ => new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
        if (Output.Split('\n').Any(l => l.StartsWith(beginning, StringComparison.Ordinal)))
        {
            return;
        }

        var ended = _process.WaitForExitAsync();
        try
        {
            await Task.WhenAny(line.Task, ended).WaitAsync(Liveness);
        }
        catch (TimeoutException)
        {
            // Said below, with what there is.
        }

        if (!line.Task.IsCompleted)
        {
            throw new TimeoutException($"did not come: a line '{beginning}'; {(ended.IsCompleted ? "the process has ended" : "the process lives")}{Environment.NewLine}{Output}{Error}");
        }
    }

    /// <summary>Waits for its end.</summary>
    /// <returns>The exit code.</returns>
    public async Task<int> EndAsync()
    {
        using var limit = new CancellationTokenSource(Liveness);
        try
        {
            await _process.WaitForExitAsync(limit.Token);
        }
        catch (OperationCanceledException e)
        {
            throw new TimeoutException($"did not come: the end of the process{Environment.NewLine}{Output}{Error}", e);
        }

        return _process.ExitCode;
    }

    /// <summary><c>kill -9</c></summary>
    public void Kill() => _process.Kill();

    /// <summary>Ctrl-C.</summary>
    public void Interrupt() => Send(Interruption);

    /// <summary>Stands still as it is, until it is killed.</summary>
    public void Freeze() => Send(Freezing);
    public void Dispose()
    {
        if (!_process.HasExited)
        {
            _process.Kill();
        }

        _process.Dispose();
    }

    private static string Dotnet() => Path.GetFullPath(Path.Combine(RuntimeEnvironment.GetRuntimeDirectory(), "..", "..", "..", "dotnet"));

    private static string Read(StringBuilder text)
    {
        lock (text)
        {
            return text.ToString();
        }
    }

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    private static partial int Signal(int pid, int signal);

    private void Send(int signal)
    {
        if (Signal(_process.Id, signal) != 0)
        {
            throw new InvalidOperationException($"kill -{signal} {_process.Id}: error {Marshal.GetLastPInvokeError()}");
        }
    }

    private void Take(StringBuilder text, string? line)
    {
        if (line is null)
        {
            return;
        }

        lock (text)
        {
            text.AppendLine(line);
        }

        foreach (var (_, found) in _awaited.Where(a => line.StartsWith(a.Key, StringComparison.Ordinal)))
        {
            found.TrySetResult();
        }
    }
}
