namespace Axpo.Grains.Tests.Runs;

public sealed class ResumeTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_cancelled_run_stops_cleanly_and_goes_on_where_it_was()
    {
        var world = new World();
        var reached = Waits.Signal();
        world.Engine.Gate = async (turn, ct) =>
        {
            if (turn.Episode is { Phase: Phase.Train, Step: 2, Question: 2, Rollout: 3 })
            {
                reached.TrySetResult(true);
                await Task.Delay(Timeout.Infinite, ct);
            }
        };
        await using var cluster = await AxpoTestCluster.StartAsync(world.Services, o => o.Silos = 2);
        var run = cluster.Grains.GetGrain<IRunGrain>(World.Run);
        await run.StartAsync(new RunRequest());
        await reached.Task.Event("step 2 under way");

        await run.CancelAsync("Ctrl-C");
        var stopped = await run.EndAsync();

        stopped.Phase.ShouldBe(RunPhase.Cancelled);
        stopped.Message.ShouldBe("Ctrl-C");
        stopped.Step.ShouldBe(1);
        (await cluster.Log.ReadAsync(World.Run, Token)).Select(r => r.Step).ShouldBe([0, 1]);
        world.Engine.Status.LiveSequences.ShouldBe(0);

        world.Engine.Gate = null;
        await run.ResumeAsync();
        var done = await run.EndAsync();

        done.Phase.ShouldBe(RunPhase.Done, done.Message);
        (await cluster.Log.ReadAsync(World.Run, Token)).Select(r => r.Step).ShouldBe([0, 1, 2]);
        cluster.Log.Drops(World.Run).ShouldBeEmpty();
        world.Learner.Batches.Select(b => b.Step).ShouldBe([1, 2]);
    }

    [Fact]
    public async Task After_every_process_died_the_run_repeats_nothing_that_was_stored()
    {
        var uninterrupted = await UninterruptedAsync();
        var world = new World();
        var first = await EveryProcess.DiesAsync(world, turn => turn.Episode is { Phase: Phase.Train, Step: 2, Question: 2, Rollout: 2 } && turn.Turn == 1, "step 2 under way");

        var again = new World();
        again.Learner.Restore(world.Learner);

        // One of the first two questions is done, or the third would not have begun; which others are is a matter of timing.
        string[] stored = [.. (await first.Trajectories.ListAsync(World.Run, Phase.Train, 2, Token).ToListAsync(Token)).Select(r => r.Id.ToString())];
        stored.Length.ShouldBeGreaterThanOrEqualTo(4);
        await using var second = await AxpoTestCluster.StartAsync(again.Services, o => (o.Silos, o.After) = (2, first));
        var run = second.Grains.GetGrain<IRunGrain>(World.Run);
        (await run.StatusAsync()).Step.ShouldBe(1);
        await run.ResumeAsync();
        var done = await run.EndAsync();

        done.Phase.ShouldBe(RunPhase.Done, done.Message);
        (await second.Log.ReadAsync(World.Run, Token)).Select(r => r.Step).ShouldBe([0, 1, 2]);
        again.Learner.Batches.Select(b => b.Step).ShouldBe([2]);
        again.Engine.Requests.ShouldAllBe(r => EpisodeId.Parse(r.Session).Step == 2, "committed steps are not done again");
        again.Engine.Requests.Select(r => r.Session).Intersect(stored, StringComparer.Ordinal).ShouldBeEmpty("stored rollouts of the step are found by id");
        again.Engine.Requests.Where(r => r.Session == "r1/train/2/2/2").ShouldHaveSingleItem("the finished first turn comes from the journal");
        (await World.StoredAsync(second)).ShouldBe(uninterrupted);
    }

    [Fact]
    public async Task A_run_outlives_any_silo_of_its_cluster()
    {
        var uninterrupted = await UninterruptedAsync();
        for (var victim = 0; victim < 3; victim++)
        {
            var world = new World();
            var reached = Waits.Signal();
            var release = Waits.Signal();
            world.Engine.Gate = async (turn, ct) =>
            {
                if (turn.Episode is { Phase: Phase.Train, Step: 2, Question: 1 })
                {
                    reached.TrySetResult(true);
                    await release.Task.WaitAsync(ct);
                }
            };
            await using var cluster = await AxpoTestCluster.StartAsync(world.Services, o => o.Silos = 3);
            var run = cluster.Grains.GetGrain<IRunGrain>(World.Run);
            await run.StartAsync(new RunRequest());
            await reached.Task.Event("step 2 under way");

            await cluster.Cluster.KillSiloAsync(cluster.Cluster.Silos[victim]);
            release.SetResult(true);
            await ResumedAsync(run);
            var done = await run.EndAsync();

            done.Phase.ShouldBe(RunPhase.Done, done.Message);
            (await cluster.Log.ReadAsync(World.Run, Token)).Select(r => r.Step).ShouldBe([0, 1, 2]);
            world.Learner.Batches.Select(b => b.Step).ShouldBe([1, 2]);
            (await World.StoredAsync(cluster)).ShouldBe(uninterrupted);
        }
    }

    /// <summary>A call that was on its way to a silo as it died is lost: whoever asked asks again, as the console does.</summary>
    private static async Task ResumedAsync(IRunGrain run)
    {
        for (var lost = 0; ; lost++)
        {
            try
            {
                await run.ResumeAsync();
                return;
            }
            catch (Exception e) when (LostCalls.IsLost(e) && lost < 2)
            {
                // Asked again.
                _ = e;
            }
        }
    }

    private static async Task<string[]> UninterruptedAsync()
    {
        var world = new World();
        await using var cluster = await AxpoTestCluster.StartAsync(world.Services);
        var run = cluster.Grains.GetGrain<IRunGrain>(World.Run);
        await run.StartAsync(new RunRequest());
        await run.EndAsync();
        return await World.StoredAsync(cluster);
    }
}
