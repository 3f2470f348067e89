using System.Collections.Concurrent;
using System.Diagnostics;

namespace Axpo.Environments.Sandbox;

/// <summary>
/// The thread that starts sandboxes. Linux ends a child that asked to die with its parent when the *thread* that started it ends, and threads of the pool
/// end when they are idle: this one lives as long as the process.
/// </summary>
internal static class ParentThread
{
    private static readonly BlockingCollection<Action> Starts = Begin();

    /// <summary>Starts a process; null or the exception as <see cref="Process.Start(ProcessStartInfo)"/> gives it.</summary>
    public static Task<Process?> StartAsync(ProcessStartInfo start)
    {
        var started = new TaskCompletionSource<Process?>(TaskCreationOptions.RunContinuationsAsynchronously);
        Starts.Add(() =>
        {
            try
            {
                started.SetResult(Process.Start(start));
            }
            catch (Exception e)
            {
                started.SetException(e);
            }
        });
        return started.Task;
    }

    private static BlockingCollection<Action> Begin()
    {
        var starts = new BlockingCollection<Action>();
        new Thread(() =>
        {
            foreach (var start in starts.GetConsumingEnumerable())
            {
                start();
            }
        })
        {
            IsBackground = true,
            Name = "axpo-sandboxes",
        }.Start();
        return starts;
    }
}
