using Microsoft.Extensions.DependencyInjection;
using Orleans.Runtime;
using Orleans.TestingHost;

namespace Axpo.Grains.Tests.Episodes;

public sealed class DrainTests
{
    [Fact]
    public async Task A_silo_that_stops_lets_the_turn_under_way_end_and_the_episode_goes_on_elsewhere()
    {
        var world = new World();
        var reached = Waits.Signal();
        var release = Waits.Signal();
        world.Engine.Gate = async (turn, ct) =>
        {
            if (turn.Turn == 0)
            {
                reached.TrySetResult(true);
                await release.Task.WaitAsync(ct);
            }
        };
        await using var cluster = await AxpoTestCluster.StartAsync(world.Services, o => o.Silos = 2);
        var appended = new List<int>();
        cluster.Journal.Appended = turn =>
        {
            lock (appended)
            {
                appended.Add(turn.Turn);
            }
        };
        var episode = cluster.Grains.GetGrain<IEpisodeGrain>(World.Id().ToString());
        await episode.StartAsync(world.Request());
        await reached.Task.Event("the first turn under way");
        var home = await HomeAsync(cluster, episode);

        var stop = cluster.Cluster.StopSiloAsync(home);
        await Drain(home).Begun.WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken);
        release.SetResult(true);
        await stop;
        var summary = await EndAsync(episode, world);

        (summary.Outcome, summary.Attempts, summary.Turns).ShouldBe((Outcome.Wrong, 1, 2));
        appended.ShouldBe([0, 1], "each turn is stored once");
        world.Engine.Requests.Select(r => r.Offset + r.Tokens.Length).ShouldBeUnique("nothing is generated twice");
        world.Tool.Calls.ShouldHaveSingleItem("the call is made once, elsewhere");
    }

    [Fact]
    public async Task A_run_loses_no_turn_whichever_silo_stops()
    {
        for (var victim = 0; victim < 2; victim++)
        {
            var world = new World();
            var reached = Waits.Signal();
            var release = Waits.Signal();
            world.Engine.Gate = async (turn, ct) =>
            {
                if (turn.Episode is { Phase: Phase.Train, Step: 1 } && turn.Turn == 0 && turn.Episode.Path.IsEmpty)
                {
                    reached.TrySetResult(true);
                    await release.Task.WaitAsync(ct);
                }
            };
            await using var cluster = await AxpoTestCluster.StartAsync(world.Services, o => o.Silos = 2);
            var run = cluster.Grains.GetGrain<IRunGrain>(World.Run);
            await run.StartAsync(new RunRequest());
            await reached.Task.Event("step 1 under way");

            var silo = cluster.Cluster.Silos[victim];
            var stop = cluster.Cluster.StopSiloAsync(silo);
            await Drain(silo).Begun.WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken);
            release.SetResult(true);
            await stop;
            await run.ResumeAsync();
            var done = await run.EndAsync();

            (done.Phase, done.Dropped).ShouldBe((RunPhase.Done, 0), done.Message);
            world.Engine.Requests.Where(r => r.Session.Contains("/train/", StringComparison.Ordinal)).Select(r => $"{r.Session} {r.Offset + r.Tokens.Length}").ShouldBeUnique("nothing is generated twice");
            world.Learner.Batches.Select(b => b.Step).ShouldBe([1, 2]);
        }
    }

    private static EpisodeDrain Drain(InProcessSiloHandle silo) => silo.ServiceProvider.GetRequiredService<EpisodeDrain>();

    private static async Task<InProcessSiloHandle> HomeAsync(AxpoTestCluster cluster, IEpisodeGrain episode)
    {
        var address = await cluster.Grains.GetGrain<IManagementGrain>(0).GetActivationAddress((IAddressable)episode);
        return cluster.Cluster.Silos.Single(s => s.SiloAddress.Equals(address));
    }

    /// <summary>As a group does it: what is unknown, or was lost with its silo, is started again.</summary>
    private static async Task<RolloutSummary> EndAsync(IEpisodeGrain episode, World world)
    {
        for (var calls = 0; calls < 100; calls++)
        {
            try
            {
                var answer = await episode.StartAsync(world.Request(resume: true));
                if (answer.State == OperationState.Running)
                {
                    answer = await episode.WaitAsync(TimeSpan.FromSeconds(10));
                }

                if (answer.State == OperationState.Done)
                {
                    return answer.Result!;
                }
            }
            catch (OrleansException)
            {
                await Task.Yield();
            }
        }

        throw new TimeoutException("did not come: the end of the episode on the other silo");
    }
}
