namespace Axpo.Grains.Operations;

/// <summary>
/// Long work of a grain: a task on the grain's own scheduler that outlives the call that started it. Exceptions are captured: they show as
/// <see cref="OperationState.Failed"/>, a cancelled operation as unknown, so that it may be started again; a cancellation that nobody asked for is a lost call.
/// </summary>
/// <typeparam name="T">Result.</typeparam>
internal sealed class StoredOperation<T> : IDisposable
    where T : class
{
    private readonly CancellationTokenSource _cancellation = new();
    private readonly Task<T> _task;

    private StoredOperation(string id, Func<CancellationToken, Task<T>> work)
    {
        Id = id;
        _task = Capture(work, _cancellation.Token);
    }

    /// <summary>Operation id.</summary>
    public string Id { get; }

    /// <summary>Whether it was cancelled or failed: starting it anew is then a new try.</summary>
    public bool MayStartAnew => _task.IsCanceled || _task.IsFaulted;

    /// <summary>Whether it has ended.</summary>
    public bool HasEnded => _task.IsCompleted;

    /// <summary>Whether it was asked to stop and has not ended yet.</summary>
    public bool IsEnding => !_task.IsCompleted && _cancellation.IsCancellationRequested;

    /// <summary>The moment's answer.</summary>
    public Pending<T> Now => _task.Status switch
    {
        TaskStatus.RanToCompletion => Pending<T>.Done(_task.GetAwaiter().GetResult()),
        TaskStatus.Canceled => Pending<T>.Unknown,
        TaskStatus.Faulted => Pending<T>.Failed(_task.Exception!.InnerException!.Message, Transience.IsTransient(_task.Exception.InnerException)),
        _ => Pending<T>.Running,
    };

    /// <summary>Starts work. Must be called inside a grain's turn: the work goes on there.</summary>
    public static StoredOperation<T> Start(string id, Func<CancellationToken, Task<T>> work) => new(id, work);

    /// <summary>Waits for the end, at most so long.</summary>
    public async Task<Pending<T>> WaitAsync(TimeSpan atMost, TimeProvider time)
    {
        var wish = Waiting.Clamp(atMost);
        if (!_task.IsCompleted && wish > TimeSpan.Zero)
        {
            using var timer = new CancellationTokenSource();
            await Task.WhenAny(_task, Task.Delay(wish, time, timer.Token));
            await timer.CancelAsync();
        }

        return Now;
    }

    /// <summary>Asks the work to stop.</summary>
    public void Cancel()
    {
        if (!_task.IsCompleted)
        {
            _cancellation.Cancel();
        }
    }

    /// <summary>Stops the work and waits until it has, at most so long.</summary>
    public Task<Pending<T>> EndAsync(TimeSpan atMost, TimeProvider time)
    {
        Cancel();
        return WaitAsync(atMost, time);
    }

    /// <inheritdoc/>
    public void Dispose() => _cancellation.Dispose();

    private static async Task<T> Capture(Func<CancellationToken, Task<T>> work, CancellationToken cancellationToken)
    {
        try
        {
            return await work(cancellationToken);
        }
        catch (OperationCanceledException e) when (!cancellationToken.IsCancellationRequested)
        {
            // Nobody asked for it: Orleans gave up a message on its way, as it does when a silo dies.
            throw new OperationLostException("a call was given up on its way: " + e.Message, e);
        }
    }
}
