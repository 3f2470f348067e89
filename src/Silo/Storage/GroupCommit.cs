using System.Threading.Channels;

namespace Axpo.Silo.Storage;

/// <summary>
/// One writer for many callers: items that arrive while a write is under way are written together by the next one (group commit).
/// A caller's task completes when its item is durable, and fails when its batch failed; the writer goes on with the next batch.
/// </summary>
/// <typeparam name="T">What is written.</typeparam>
public sealed class GroupCommit<T> : IAsyncDisposable
{
    private readonly Channel<(T Item, TaskCompletionSource Done)> _queue;
    private readonly Func<IReadOnlyList<T>, ValueTask> _write;
    private readonly Task _loop;
    private readonly int _maxBatch;

    /// <summary>Starts the writer.</summary>
    /// <param name="write">Makes a batch durable; runs on the thread pool, one batch at a time.</param>
    /// <param name="capacity">Items that may wait; more callers wait to enqueue.</param>
    /// <param name="maxBatch">Items a write.</param>
    public GroupCommit(Func<IReadOnlyList<T>, ValueTask> write, int capacity = 4096, int maxBatch = 512)
    {
        _write = write;
        _maxBatch = maxBatch;
        _queue = Channel.CreateBounded<(T, TaskCompletionSource)>(new BoundedChannelOptions(capacity) { SingleReader = true });
        _loop = Task.Run(LoopAsync);
    }

    /// <summary>Writes an item; durable when the task completes.</summary>
    public async Task AddAsync(T item, CancellationToken cancellationToken)
    {
        var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await _queue.Writer.WriteAsync((item, done), cancellationToken);
        await done.Task;
    }

    /// <summary>Writes what is queued, then ends.</summary>
    public async ValueTask DisposeAsync()
    {
        _queue.Writer.TryComplete();
        await _loop;
    }

    private async Task LoopAsync()
    {
        var items = new List<T>();
        var waiting = new List<TaskCompletionSource>();
        while (await _queue.Reader.WaitToReadAsync())
        {
            items.Clear();
            waiting.Clear();
            while (items.Count < _maxBatch && _queue.Reader.TryRead(out var next))
            {
                items.Add(next.Item);
                waiting.Add(next.Done);
            }

            try
            {
                await _write(items);
                waiting.ForEach(w => w.TrySetResult());
            }
            catch (Exception e)
            {
                waiting.ForEach(w => w.TrySetException(e));
            }
        }
    }
}
