using System.Collections.Concurrent;

namespace Axpo.Training.Threads;

/// <summary>
/// A thread that owns a device: work is queued and runs in order, callers only await. Torch's own settings (intra-op threads, grad mode) are per thread, so all
/// Torch calls of a part are made here and never on a grain's scheduler.
/// </summary>
public sealed class DeviceThread : IDisposable
{
    private readonly BlockingCollection<Action> _queue = [];
    private readonly Thread _thread;

    /// <summary>Starts the thread.</summary>
    /// <param name="name">Name for debuggers.</param>
    /// <param name="intraOpThreads">Threads of one operator; 0: every core.</param>
    public DeviceThread(string name, int intraOpThreads)
    {
        _thread = new Thread(() =>
        {
            IntraOpThreads.Use(intraOpThreads > 0 ? intraOpThreads : Environment.ProcessorCount);
            foreach (var work in _queue.GetConsumingEnumerable())
            {
                work();
            }
        })
        {
            IsBackground = true,
            Name = name,
        };
        _thread.Start();
    }

    /// <summary>Runs work on the thread.</summary>
    /// <param name="work">The work; its dispose scope is the caller's own business.</param>
    /// <param name="cancellationToken">Keeps work that has not begun from beginning.</param>
    /// <exception cref="ObjectDisposedException">The thread has ended.</exception>
    public Task<T> RunAsync<T>(Func<T> work, CancellationToken cancellationToken)
    {
        var done = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        try
        {
            _queue.Add(() => Run(work, done, cancellationToken), cancellationToken);
        }
        catch (InvalidOperationException)
        {
            done.SetException(new ObjectDisposedException(_thread.Name));
        }

        return done.Task;
    }

    /// <summary>Finishes what is queued, then ends.</summary>
    public void Dispose()
    {
        if (!_queue.IsAddingCompleted)
        {
            _queue.CompleteAdding();
        }

        _thread.Join();
    }

    private static void Run<T>(Func<T> work, TaskCompletionSource<T> done, CancellationToken cancellationToken)
    {
        try
        {
            cancellationToken.ThrowIfCancellationRequested();
            done.SetResult(work());
        }
        catch (OperationCanceledException e)
        {
            done.SetCanceled(e.CancellationToken);
        }
        catch (Exception e)
        {
            done.SetException(e);
        }
    }
}
