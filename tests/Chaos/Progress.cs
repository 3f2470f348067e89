namespace Axpo.Chaos.Tests;

/// <summary>What is stored, as it is stored: rollouts, checkpoints and metrics rows that appear in the folder of the runs.</summary>
internal sealed class Progress : IDisposable
{
    private readonly FileSystemWatcher _watcher;
    private readonly Dictionary<string, long> _lengths = new(StringComparer.Ordinal);
    private readonly Lock _gate = new();
    private TaskCompletionSource _next = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _count;

    public Progress(string folder)
    {
        _watcher = new FileSystemWatcher(folder)
        {
            IncludeSubdirectories = true,
            InternalBufferSize = 1 << 16,
            NotifyFilter = NotifyFilters.FileName | NotifyFilters.DirectoryName | NotifyFilters.Size | NotifyFilters.LastWrite,
        };
        _watcher.Changed += (_, e) => Look(e.FullPath);
        _watcher.Created += (_, e) => Look(e.FullPath);
        _watcher.Renamed += (_, e) => Look(e.FullPath);
        _watcher.EnableRaisingEvents = true;
    }

    /// <summary>Things stored so far.</summary>
    public int Count
    {
        get
        {
            lock (_gate)
            {
                return _count;
            }
        }
    }

    /// <summary>Waits until so many things are stored.</summary>
    /// <param name="count">How many, from the beginning.</param>
    /// <param name="stop">Ends the wait early.</param>
    /// <returns>Whether they are; false: stopped.</returns>
    /// <exception cref="TimeoutException">Nothing was stored for <see cref="Bounds.Progress"/>.</exception>
    public async Task<bool> ReachAsync(int count, CancellationToken stop)
    {
        while (true)
        {
            Task next;
            lock (_gate)
            {
                if (_count >= count)
                {
                    return true;
                }

                next = _next.Task;
            }

            try
            {
                await next.WaitAsync(Bounds.Progress, stop);
            }
            catch (OperationCanceledException)
            {
                return false;
            }
            catch (TimeoutException e)
            {
                throw new TimeoutException($"did not come: anything stored within {Bounds.Progress}, after {Count} things", e);
            }
        }
    }

    public void Dispose() => _watcher.Dispose();

    private void Look(string path)
    {
        var name = Path.GetFileName(path);
        var isRow = name == "metrics.jsonl";
        var isRollouts = !isRow && name.EndsWith(".jsonl", StringComparison.Ordinal) && Path.GetFileName(Path.GetDirectoryName(path)) == "trajectories";
        var isCheckpoint = name.StartsWith("step-", StringComparison.Ordinal) && Path.GetFileName(Path.GetDirectoryName(path)) == "checkpoints";
        if (!isRow && !isRollouts && !isCheckpoint)
        {
            return;
        }

        long length;
        try
        {
            length = isCheckpoint ? 1 : new FileInfo(path).Length;
        }
        catch (IOException)
        {
            // It is gone again.
            return;
        }

        lock (_gate)
        {
            if (length > _lengths.GetValueOrDefault(path))
            {
                _lengths[path] = length;
                _count++;
                _next.TrySetResult();
                _next = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            }
        }
    }
}
