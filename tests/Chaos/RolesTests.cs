using Axpo.Grains.Abstractions;
using Orleans.Runtime;

namespace Axpo.Chaos.Tests;

/// <summary>Silos of one role each.</summary>
[Collection(ChaosCollection.Name)]
public sealed class RolesTests
{
    [Fact]
    public async Task Every_grain_lives_where_its_role_is()
    {
        await using var cluster = await Cluster.StartAsync();
        var undisturbed = await cluster.UndisturbedAsync();
        string[] roles = ["episodes", "engine", "trainer"];
        foreach (var role in roles)
        {
            cluster.Add(role, "--roles", role).Start();
        }

        await Task.WhenAll(cluster.Silos.Select(s => s.UpAsync()));
        await cluster.TrainAsync("run", TestContext.Current.CancellationToken);

        var run = new StoredRun(cluster.Folders, "run");
        run.ShouldEqual(undisturbed, TinyRun.Steps);
        Directory.EnumerateFiles(cluster.Folders.Trajectories("run"))
            .ShouldAllBe(f => f.EndsWith("@episodes.jsonl", StringComparison.Ordinal), "episodes end on the silo of episodes");
        roles.Where(r => cluster.LogOf(r).Any(l => l.Contains(" generates ", StringComparison.Ordinal))).ShouldBe(["engine"], "tokens are generated on the silo of engines");

        // Asked again, each grain lives where its role lets it.
        await using var client = await ClusterClient.ConnectAsync(cluster.Redis.Address);
        await client.Grains.GetGrain<IRunGrain>("run").StatusAsync();
        await client.Grains.GetGrain<ITrainerGrain>("run").StatusAsync();
        await client.Grains.GetGrain<IPolicyGrain>("run/engine").StatusAsync();
        await client.Grains.GetGrain<IGroupGrain>("run/train/1/0").StatusAsync();
        await client.Grains.GetGrain<IEpisodeGrain>("run/train/1/0/0").StatusAsync();
        var grains = await client.Grains.GetGrain<IManagementGrain>(0).GetDetailedGrainStatistics();
        var lives = grains.Select(g => (Grain: g.GrainId.Type.ToString()!, Silo: cluster.Silos.Single(s => s.Port == g.SiloAddress.Endpoint.Port).Name)).Distinct().ToArray();
        Silos("run").ShouldBe(["episodes"]);
        Silos("group").ShouldBe(["episodes"]);
        Silos("episode").ShouldBe(["episodes"]);
        Silos("policy").ShouldBe(["engine"]);
        Silos("trainer").ShouldBe(["trainer"]);

        string[] Silos(string grain) => [.. lives.Where(l => l.Grain == grain).Select(l => l.Silo)];
    }
}
