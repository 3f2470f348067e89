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
    /// <returns>Seconds.</returns>
    [Alias("Drive")]
    Task<double> DriveAsync(long other, int calls);
}

/// <inheritdoc cref="IEchoGrain"/>
[Reentrant]
internal sealed class EchoGrain : Grain, IEchoGrain
{
    Task<int> IEchoGrain.EchoAsync(int value) => Task.FromResult(value);

    async Task<double> IEchoGrain.DriveAsync(long other, int calls)
    {
        var grain = GrainFactory.GetGrain<IEchoGrain>(other);
        var clock = System.Diagnostics.Stopwatch.StartNew();
        for (var i = 0; i < calls; i++)
        {
            await grain.EchoAsync(i);
        }

        return clock.Elapsed.TotalSeconds;
    }
}
