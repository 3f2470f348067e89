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

    /// <summary>Prints the table.</summary>
    public static async Task RunAsync()
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
            var fresh = 1_000_000L * (round + 1);
            var first = await EchoesAsync(Drivers * Activations, i => cluster.Grains.GetGrain<IEchoGrain>(i).ActivateAsync(fresh + (i * Activations), Activations));
            if (round >= WarmUp)
            {
                rates.Add(done / seconds);
                bytes.Add((double)allocated / done);
                raw.Add(echo);
                activations.Add(first);
            }
        }

        var (rate, rawRate, perEpisode) = (Median(rates), Median(raw), (double)calls / episodes);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"""
            {Groups} groups of {ScriptedLoad.GroupSize} episodes, scripted policy (half of them call a tool), stores in memory, one silo; median of {Rounds}
              episodes a second                      {rate,10:N0}
              raw calls between grains a second      {rawRate,10:N0}
              first calls of fresh grains a second   {Median(activations),10:N0}
              calls an episode needs                 {perEpisode,10:F2}
              of them first calls of fresh grains    {ActivationsPerEpisode,10:F2}
              KiB allocated an episode               {Median(bytes) / 1024,10:F1}
            | episodes / (raw calls / calls an episode needs) | {rate / (rawRate / perEpisode):F2} | at least 0.5 |
            | the same with {ActivationsPerEpisode:F2} of the calls made to fresh grains | {rate * (((perEpisode - ActivationsPerEpisode) / rawRate) + (ActivationsPerEpisode / Median(activations))):F2} | context |
            """));
    }

    private static Task<AxpoTestCluster> ClusterAsync(Action<ISiloBuilder>? silo) => AxpoTestCluster.StartAsync(ScriptedLoad.Services(Groups), o => o.Silo = silo);

    private static async Task<double> EchoesAsync(int calls, Func<int, Task> drive)
    {
        var clock = Stopwatch.StartNew();
        await Task.WhenAll(Enumerable.Range(0, Drivers).Select(drive));
        return calls / clock.Elapsed.TotalSeconds;
    }

    private static double Median(List<double> values) => values.Order().ElementAt(values.Count / 2);
}
