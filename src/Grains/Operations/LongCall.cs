using Orleans.Runtime;

namespace Axpo.Grains.Operations;

/// <summary>A long operation of another grain failed.</summary>
internal sealed class OperationFailedException(string message, bool isTransient) : Exception(message)
{
    /// <summary>Whether the same may succeed later.</summary>
    public bool IsTransient => isTransient;
}

/// <summary>The grain that was called stayed unreachable.</summary>
internal sealed class OperationLostException(string message, Exception inner) : Exception(message, inner);

/// <summary>
/// Start, then wait in short calls, start again when the other side has lost the operation (its silo died). Delivery is at most once and a timeout means
/// "unknown", so every step of this may be repeated: the operations are idempotent by id.
/// </summary>
internal sealed class LongCall(TimeProvider time, GrainsOptions options)
{
    /// <summary>Runs an operation to its end.</summary>
    /// <param name="start">Starts it; the argument says whether earlier work may exist.</param>
    /// <param name="wait">Waits for it, at most so long.</param>
    /// <param name="cancel">Asks it to stop; called once when <paramref name="cancellationToken"/> fires.</param>
    /// <param name="cancellationToken">The caller gives up.</param>
    /// <exception cref="OperationFailedException">It failed.</exception>
    /// <exception cref="OperationLostException">The grain stayed unreachable.</exception>
    public async Task<T> RunAsync<T>(Func<bool, Task<Pending<T>>> start, Func<TimeSpan, Task<Pending<T>>> wait, Func<Task> cancel, CancellationToken cancellationToken)
        where T : class
    {
        var state = OperationState.Unknown;
        var again = false;
        var lost = 0;
        while (true)
        {
            try
            {
                cancellationToken.ThrowIfCancellationRequested();
                var call = state == OperationState.Unknown ? start(again) : wait(Waiting.Longest);
                var answer = call.IsCompletedSuccessfully ? await call : await call.WaitAsync(cancellationToken);
                lost = 0;
                if (answer.State == OperationState.Unknown)
                {
                    await Task.Delay(options.LostCallDelay, time, cancellationToken);
                }

                again = true;
                state = answer.State;
                switch (state)
                {
                    case OperationState.Done:
                        return answer.Result!;
                    case OperationState.Failed:
                        throw new OperationFailedException(answer.Error ?? "no reason given", answer.IsTransient);
                }
            }
            catch (Exception e) when (LostCalls.IsLost(e, cancellationToken))
            {
                if (++lost >= options.LostCalls)
                {
                    throw new OperationLostException($"a grain did not answer {lost} calls in a row: {e.Message}", e);
                }

                again = true;
                state = OperationState.Unknown;
                await Task.Delay(options.LostCallDelay, time, cancellationToken);
            }
            catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
            {
                await TellAsync(cancel);
                throw;
            }
        }
    }

    private static async Task TellAsync(Func<Task> cancel)
    {
        try
        {
            await cancel();
        }
        catch (Exception e) when (LostCalls.IsLost(e))
        {
            // Whoever cannot be told has died, and its work with it.
            _ = e;
        }
    }
}
