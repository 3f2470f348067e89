using System.Diagnostics;
using System.Globalization;
using Axpo.Testing;
using Orleans;
using Orleans.Hosting;

namespace Axpo.Bench;

/// <summary>
/// Grain plumbing: episodes a second of groups on a scripted policy with stores in memory, against raw calls between grains of one silo a second / calls that an
/// episode needs. The calls are counted in a run of their own, by a filter that the timed runs do not have.
/// </summary>
internal static class GrainBench
{
    private const int Groups = 200;
    private const int WarmUp = 12;
    private const int Rounds = 7;
    private const int Drivers = 64;
    private const int EchoCalls = 3000;
    private const int Activations = 25;

    // Of a group's share: one grain an episode, one tool grain for every second one, one group for eight.
    private const double ActivationsPerEpisode = 1 + .5 + (1.0 / ScriptedLoad.GroupSize);

    public static async Task<IReadOnlyList<Row>> RunAsync()
    {
        var (calls, episodes) = (0L, 0);
        await using (var counted = await ClusterAsync(silo => silo.AddIncomingGrainCallFilter(context =>
        {
            if (context.Request.GetInterfaceName().Contains("Axpo", StringComparison.Ordinal))
            {
                Interlocked.Increment(ref calls);
            }

            return context.Invoke();
        })))
        {
            await ScriptedLoad.EpisodesAsync(counted, Groups, 0);
            var before = Interlocked.Read(ref calls);
            episodes = await ScriptedLoad.EpisodesAsync(counted, Groups, 1);
            calls = Interlocked.Read(ref calls) - before;
        }

        await using var cluster = await ClusterAsync(null);
        List<double> rates = [], raw = [], activations = [], bytes = [];
        for (var round = 0; round < WarmUp + Rounds; round++)
        {
            var allocated = GC.GetTotalAllocatedBytes();
            var clock = Stopwatch.StartNew();
            var done = await ScriptedLoad.EpisodesAsync(cluster, Groups, round);
            var seconds = clock.Elapsed.TotalSeconds;
            allocated = GC.GetTotalAllocatedBytes() - allocated;
            var echo = await EchoesAsync(Drivers * EchoCalls, i => cluster.Grains.GetGrain<IEchoGrain>(i).DriveAsync(i + Drivers, EchoCalls));
            var firstKey = 1_000_000L * (round + 1);
            var first = await EchoesAsync(Drivers * Activations, i => cluster.Grains.GetGrain<IEchoGrain>(i).ActivateAsync(firstKey + (i * Activations), Activations));
            if (round >= WarmUp)
            {
                rates.Add(done / seconds);
                bytes.Add((double)allocated / done);
                raw.Add(echo);
                activations.Add(first);
            }
        }

        var (rate, rawRate, perEpisode) = (Rate.Median(rates), Rate.Median(raw), (double)calls / episodes);
        var needed = rawRate / perEpisode;
        var fresh = 1 / (((perEpisode - ActivationsPerEpisode) / rawRate) + (ActivationsPerEpisode / Rate.Median(activations)));
        return
        [
            Row.AtLeast(
                "grain plumbing, stores in memory: episodes / raw grain calls over the calls an episode needs",
                string.Create(CultureInfo.InvariantCulture, $"{rate:N0} episodes/s, {Rate.Median(bytes) / 1024:F0} KiB allocated an episode"),
                string.Create(CultureInfo.InvariantCulture, $"{needed:N0} episodes/s ({rawRate:N0} calls/s / {perEpisode:F2})"),
                rate / needed,
                .5),
            Row.Context(
                string.Create(CultureInfo.InvariantCulture, $"the same with {ActivationsPerEpisode:F2} of the calls made to fresh grains"),
                string.Create(CultureInfo.InvariantCulture, $"{rate:N0} episodes/s"),
                string.Create(CultureInfo.InvariantCulture, $"{fresh:N0} episodes/s ({Rate.Median(activations):N0} first calls/s)"),
                rate / fresh),
        ];
    }

    private static Task<AxpoTestCluster> ClusterAsync(Action<ISiloBuilder>? silo) => AxpoTestCluster.StartAsync(ScriptedLoad.Services(Groups), o => o.Silo = silo);

    private static async Task<double> EchoesAsync(int calls, Func<int, Task> drive)
    {
        var clock = Stopwatch.StartNew();
        await Task.WhenAll(Enumerable.Range(0, Drivers).Select(drive));
        return calls / clock.Elapsed.TotalSeconds;
    }
}
