using Axpo.Grains.Abstractions;
using Axpo.Testing;

namespace Axpo.Grains.Tests.Runs;

/// <summary>The end of all processes in the middle of a run.</summary>
internal static class EveryProcess
{
    /// <summary>Begins a run on two silos and kills both while the engine holds a turn that it is asked for.</summary>
    /// <param name="world">The world.</param>
    /// <param name="isReached">Which turn.</param>
    /// <param name="what">What that is, in words.</param>
    /// <returns>The cluster, dead, with what it had stored.</returns>
    public static async Task<AxpoTestCluster> DiesAsync(World world, Func<ScriptedTurn, bool> isReached, string what)
    {
        var reached = Waits.Signal();
        world.Engine.Gate = async (turn, _) =>
        {
            if (isReached(turn))
            {
                reached.TrySetResult(true);
                await Task.Delay(Timeout.Infinite, TestContext.Current.CancellationToken);
            }
        };
        var cluster = await AxpoTestCluster.StartAsync(world.Services, o => o.Silos = 2);
        await cluster.Grains.GetGrain<IRunGrain>(World.Run).StartAsync(new RunRequest());
        await reached.Task.Event(what);
        foreach (var silo in cluster.Cluster.Silos.ToArray())
        {
            await cluster.Cluster.KillSiloAsync(silo);
        }

        return cluster;
    }
}
