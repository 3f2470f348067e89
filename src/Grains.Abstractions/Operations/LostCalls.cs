using Orleans.Runtime;

namespace Axpo.Grains.Abstractions;

/// <summary>Calls of grains that nobody knows the fate of.</summary>
public static class LostCalls
{
    /// <summary>
    /// Whether a call was lost: its silo died, it did not answer in time, or Orleans gave the message up on its way (which it tells as a cancellation that nobody asked for). It may have been made; made
    /// again it must change nothing.
    /// </summary>
    /// <param name="e">What the call threw.</param>
    /// <param name="asked">Where the caller itself asks for cancellation.</param>
    public static bool IsLost(Exception e, CancellationToken asked = default) =>
        e is OrleansException or TimeoutException || (e is OperationCanceledException && !asked.IsCancellationRequested);
}
