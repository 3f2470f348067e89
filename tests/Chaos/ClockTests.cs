namespace Axpo.Chaos.Tests;

/// <summary>Machines that disagree about the time.</summary>
[Collection(ChaosCollection.Name)]
public sealed class ClockTests
{
    private const int FifteenHours = 15 * 3600;

    [Fact]
    public async Task Silos_whose_clocks_are_hours_apart_are_one_cluster_also_after_a_restart()
    {
        await using var cluster = await Cluster.StartAsync();
        var undisturbed = await cluster.UndisturbedAsync();
        foreach (var (name, offset) in new[] { ("right", 0), ("ahead", FifteenHours), ("behind", -FifteenHours) })
        {
            var silo = cluster.Add(name);
            silo.ClockOffset = offset;
            silo.Start();
            await silo.UpAsync();
        }

        foreach (var silo in cluster.Silos)
        {
            await silo.CrashAsync();
            silo.Down();
            silo.Start();
            await silo.UpAsync();
        }

        await cluster.TrainAsync("run", TestContext.Current.CancellationToken);
        new StoredRun(cluster.Folders, "run").ShouldEqual(undisturbed, TinyRun.Steps);
        cluster.Silos.ShouldAllBe(s => s.Child != null, "none of them was told that it is dead");
        cluster.Silos.ShouldAllBe(s => s.Starts == 2);
    }
}
