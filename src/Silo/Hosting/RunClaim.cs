using System.Text.Json;
using Axpo.Silo.Storage;

namespace Axpo.Silo.Hosting;

/// <summary>Which process hosts a run: <c>runs/{run}/process.json</c>.</summary>
/// <param name="Pid">Process id.</param>
/// <param name="GatewayPort">Port for clients, on the loopback interface.</param>
/// <param name="Started">When it took the run.</param>
public sealed record RunProcess(int Pid, int GatewayPort, DateTimeOffset Started);

/// <summary>
/// A process's hold on a run: one at a time, gone with the process however it ends (a lock of the operating system on <c>runs/{run}/.lock</c>).
/// </summary>
public sealed class RunClaim : IDisposable
{
    private readonly FileStream _lock;
    private readonly string _process;

    private RunClaim(FileStream hold, string process) => (_lock, _process) = (hold, process);

    /// <summary>Takes the run for this process.</summary>
    /// <exception cref="PreflightException">Another process has it.</exception>
    public static RunClaim Take(RunFolders folders, string run, int gatewayPort)
    {
        var path = Path.Combine(folders.Of(run), ".lock");
        FileStream hold;
        try
        {
            hold = new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException e) when (e is not (DirectoryNotFoundException or PathTooLongException))
        {
            throw Taken(run, Read(folders, run));
        }

        var process = ProcessFile(folders, run);
        var aside = process + ".part";
        try
        {
            // Renamed into place: whoever looks meanwhile reads all of it or none.
            File.WriteAllBytes(aside, JsonSerializer.SerializeToUtf8Bytes(new RunProcess(Environment.ProcessId, gatewayPort, TimeProvider.System.GetUtcNow()), AxpoJson.Pretty));
            File.Move(aside, process, overwrite: true);
        }
        catch
        {
            hold.Dispose();
            throw;
        }

        return new RunClaim(hold, process);
    }

    /// <summary>What keeps a second process from hosting a run.</summary>
    public static PreflightException Taken(string run, RunProcess? holder) =>
        new([new Problem("run", run, $"is under way in {(holder is null ? "another process" : FormattableString.Invariant($"process {holder.Pid}"))}; watch it with: axpo runs watch {run}")]);

    /// <summary>The process that hosts a run now; null if none does.</summary>
    public static RunProcess? Holder(RunFolders folders, string run)
    {
        var path = Path.Combine(folders.Of(run), ".lock");
        if (!File.Exists(path))
        {
            return null;
        }

        try
        {
            // Shared: two who look at once are no holders to each other.
            using var probe = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read);
            return null;
        }
        catch (IOException)
        {
            return Read(folders, run);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        File.Delete(_process);
        _lock.Dispose();
    }

    private static string ProcessFile(RunFolders folders, string run) => Path.Combine(folders.Of(run), "process.json");

    private static RunProcess? Read(RunFolders folders, string run)
    {
        try
        {
            return JsonSerializer.Deserialize<RunProcess>(File.ReadAllBytes(ProcessFile(folders, run)), AxpoJson.Pretty);
        }
        catch (Exception e) when (e is FileNotFoundException or JsonException)
        {
            // The holder is just coming or going.
            return null;
        }
    }
}
