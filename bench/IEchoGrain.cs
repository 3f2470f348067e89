using Orleans;
using Orleans.Concurrency;

namespace Axpo.Bench;

/// <summary>The cheapest call there is: what grain plumbing is measured against.</summary>
[Alias("axpo.bench.IEchoGrain")]
public interface IEchoGrain : IGrainWithIntegerKey
{
    /// <summary>Answers at once.</summary>
    [Alias("Echo")]
    Task<int> EchoAsync(int value);

    /// <summary>Calls another one so many times, one call after the other.</summary>
    [Alias("Drive")]
    Task DriveAsync(long other, int calls);

    /// <summary>Calls so many others that are not active yet, one after the other.</summary>
    [Alias("Activate")]
    Task ActivateAsync(long first, int count);
}

/// <inheritdoc cref="IEchoGrain"/>
[Reentrant]
internal sealed class EchoGrain : Grain, IEchoGrain
{
    Task<int> IEchoGrain.EchoAsync(int value) => Task.FromResult(value);

    async Task IEchoGrain.DriveAsync(long other, int calls)
    {
        var grain = GrainFactory.GetGrain<IEchoGrain>(other);
        for (var i = 0; i < calls; i++)
        {
            await grain.EchoAsync(i);
        }
    }

    async Task IEchoGrain.ActivateAsync(long first, int count)
    {
        for (var i = 0; i < count; i++)
        {
            await GrainFactory.GetGrain<IEchoGrain>(first + i).EchoAsync(i);
        }
    }
}
