namespace Axpo.Grains.Abstractions;

/// <summary>Where a long operation stands.</summary>
public enum OperationState : byte
{
    /// <summary>This activation does not know the operation (its silo died, or it was collected): start it again, which changes nothing if it was done.</summary>
    Unknown,

    /// <summary>Under way: wait again.</summary>
    Running,

    /// <summary>Done; the result is there.</summary>
    Done,

    /// <summary>It failed; the error says why.</summary>
    Failed,
}

/// <summary>
/// Answer of <c>StartAsync</c> and <c>WaitAsync</c>. No grain call stays open longer than 20 s: long work is started (idempotent by its operation id),
/// then waited for in calls of at most <see cref="Waiting.Longest"/>.
/// </summary>
/// <typeparam name="T">The result.</typeparam>
/// <param name="State">Where the operation stands.</param>
/// <param name="Result">The result; null unless done.</param>
/// <param name="Error">Why it failed; null unless failed.</param>
/// <param name="IsTransient">Whether it failed because storage or another grain was out of reach: the same may succeed later.</param>
[GenerateSerializer, Immutable, Alias("axpo.Pending`1")]
public readonly record struct Pending<T>([property: Id(0)] OperationState State, [property: Id(1)] T? Result, [property: Id(2)] string? Error = null, [property: Id(3)] bool IsTransient = false)
    where T : class
{
    /// <summary>The activation does not know the operation.</summary>
    public static Pending<T> Unknown => new(OperationState.Unknown, null);

    /// <summary>Under way.</summary>
    public static Pending<T> Running => new(OperationState.Running, null);

    /// <summary>Done.</summary>
    public static Pending<T> Done(T result) => new(OperationState.Done, result);

    /// <summary>Failed.</summary>
    public static Pending<T> Failed(string error, bool isTransient = false) => new(OperationState.Failed, null, error, isTransient);
}

/// <summary>How long calls may stay open.</summary>
public static class Waiting
{
    /// <summary>Longest that a <c>WaitAsync</c> stays open; a longer wish is cut to this.</summary>
    public static TimeSpan Longest => TimeSpan.FromSeconds(15);

    /// <summary>A wish, cut to [0, <see cref="Longest"/>].</summary>
    public static TimeSpan Clamp(TimeSpan wish) => wish < TimeSpan.Zero ? TimeSpan.Zero : wish > Longest ? Longest : wish;
}
