using Microsoft.Extensions.Options;

namespace Axpo.Grains;

/// <summary>
/// A silo that stops lets the turns under way end first, while everything still works: each of its episodes ends once its turn, or its call, is stored, and goes on elsewhere from there; its
/// engine ends the generations under way and begins no other.
/// Bounded by <see cref="GrainsOptions.DrainSeconds"/>; a silo that is killed drains nothing.
/// </summary>
public sealed class SiloDrain(IOptions<GrainsOptions> options, TimeProvider time) : ILifecycleParticipant<ISiloLifecycle>
{
    private readonly Lock _gate = new();
    private readonly TaskCompletionSource _begun = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _empty = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _live;

    /// <summary>Completes when the silo begins to drain.</summary>
    public Task Begun => _begun.Task;

    /// <summary>Whether it drains: no turn, no call and no generation begins here any more.</summary>
    public bool IsDraining => _begun.Task.IsCompleted;

    void ILifecycleParticipant<ISiloLifecycle>.Participate(ISiloLifecycle lifecycle) =>
        lifecycle.Subscribe(nameof(SiloDrain), ServiceLifecycleStage.Last, _ => Task.CompletedTask, DrainAsync);

    /// <summary>An episode, or a generation, lives here until the answer is disposed.</summary>
    public IDisposable Enter()
    {
        lock (_gate)
        {
            _live++;
        }

        return new Live(this);
    }

    private async Task DrainAsync(CancellationToken cancellationToken)
    {
        if (cancellationToken.IsCancellationRequested)
        {
            return;
        }

        _begun.TrySetResult();
        Look(0);
        try
        {
            await _empty.Task.WaitAsync(TimeSpan.FromSeconds(options.Value.DrainSeconds), time, cancellationToken);
        }
        catch (Exception e) when (e is TimeoutException or OperationCanceledException)
        {
            // What did not end in time is done again elsewhere, from the last stored turn.
            _ = e;
        }
    }

    private void Look(int gone)
    {
        lock (_gate)
        {
            _live -= gone;
            if (_live == 0 && IsDraining)
            {
                _empty.TrySetResult();
            }
        }
    }

    private sealed class Live(SiloDrain drain) : IDisposable
    {
        public void Dispose() => drain.Look(1);
    }
}
