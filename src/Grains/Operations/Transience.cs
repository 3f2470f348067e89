using Orleans.Runtime;
using Orleans.Storage;

namespace Axpo.Grains.Operations;

/// <summary>Which failures are the weather: storage or another grain out of reach. What failed so may be done again, and may succeed then.</summary>
internal static class Transience
{
    /// <summary>Whether the same may succeed later.</summary>
    public static bool IsTransient(Exception e) => e switch
    {
        InconsistentStateException => false,
        OperationFailedException operation => operation.IsTransient,
        OperationLostException or OrleansException or TimeoutException or IOException => true,
        _ => false,
    };
}
