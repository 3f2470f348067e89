namespace Axpo.Grains.Tests.Runs;

public sealed class PauseTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_run_whose_tools_are_down_pauses_before_it_trains_on_ruins_and_tries_again_when_resumed()
    {
        var (whole, wholeRow) = await UndisturbedAsync();
        var world = Small();
        var isDown = true;
        world.Tool.Gate = (call, _) => isDown && call.Session.Contains("/train/", StringComparison.Ordinal) ? throw new ToolUnavailableException("backend down", isTransient: false) : Task.CompletedTask;
        await using var cluster = await AxpoTestCluster.StartAsync(world.Services, o => o.Pipelines["calc"] = p => p.BreakerMinimumCalls = 1000);
        var run = cluster.Grains.GetGrain<IRunGrain>(World.Run);
        await run.StartAsync(new RunRequest());

        var paused = await run.EndAsync();

        (paused.Phase, paused.Step).ShouldBe((RunPhase.Paused, 0));
        paused.Message.ShouldNotBeNull().ShouldContain("6 of 12 episodes of step 1 stayed Void (50 %; rollouts.maxVoidShare is 30 %), most often ToolUnavailable");
        cluster.Log.End(World.Run).ShouldBe(new RunEnd(RunPhase.Paused, paused.Message));
        world.Learner.Batches.ShouldBeEmpty();
        cluster.Log.Drops(World.Run).Count.ShouldBe(6 * 2, "a row for every Void attempt");
        cluster.Log.Drops(World.Run).ShouldAllBe(d => !d.IsLast, "they are tried again");

        // Resumed while nothing was mended it pauses again, after as many new attempts.
        await run.ResumeAsync();
        (await run.EndAsync()).Phase.ShouldBe(RunPhase.Paused);
        cluster.Log.Drops(World.Run).Select(d => d.Attempts).Order().ShouldBe(Enumerable.Range(1, 4).SelectMany(a => Enumerable.Repeat(a, 6)));

        isDown = false;
        await run.ResumeAsync();
        var done = await run.EndAsync();

        (done.Phase, done.Dropped).ShouldBe((RunPhase.Done, 0), done.Message);
        cluster.Log.Drops(World.Run).Count.ShouldBe(6 * 4);
        cluster.Log.End(World.Run)!.Phase.ShouldBe(RunPhase.Done);
        world.Learner.Batches.ShouldHaveSingleItem();
        (await StoredAsync(cluster)).ShouldBe(whole, "one final outcome an episode, the same as without the outage");
        (await cluster.Log.ReadAsync(World.Run, Token))[1].Train.ShouldBe(wholeRow);
    }

    [Fact]
    public async Task Up_to_the_share_that_is_allowed_Void_episodes_are_left_out_and_stand_in_the_ledger_as_last()
    {
        var world = Small(maxVoidShare: .5);
        world.Tool.Gate = (call, _) => call.Session.Contains("/train/", StringComparison.Ordinal) ? throw new ToolUnavailableException("backend down", isTransient: false) : Task.CompletedTask;
        await using var cluster = await AxpoTestCluster.StartAsync(world.Services, o => o.Pipelines["calc"] = p => p.BreakerMinimumCalls = 1000);
        var run = cluster.Grains.GetGrain<IRunGrain>(World.Run);
        await run.StartAsync(new RunRequest());

        var done = await run.EndAsync();

        (done.Phase, done.Dropped).ShouldBe((RunPhase.Done, 6), done.Message);
        cluster.Log.Drops(World.Run).Count(d => d.IsLast).ShouldBe(6);
        cluster.Log.Drops(World.Run).Count.ShouldBe(12);
    }

    private static World Small(double maxVoidShare = .3)
    {
        var world = new World();
        world.Configuration = world.Configuration with { Steps = 1, Rollouts = world.Configuration.Rollouts with { Attempts = 2, MaxVoidShare = maxVoidShare } };
        return world;
    }

    private static async Task<(string[] Stored, RolloutMetrics? Row)> UndisturbedAsync()
    {
        var world = Small();
        await using var cluster = await AxpoTestCluster.StartAsync(world.Services);
        var run = cluster.Grains.GetGrain<IRunGrain>(World.Run);
        await run.StartAsync(new RunRequest());
        await run.EndAsync();
        return (await StoredAsync(cluster), (await cluster.Log.ReadAsync(World.Run, Token))[1].Train);
    }

    private static ValueTask<string[]> StoredAsync(AxpoTestCluster cluster) => cluster.Trajectories.ListAsync(World.Run, null, null, Token)
        .Select(r => $"{r.Id} {r.Outcome} {string.Join(',', r.Tokens)}").ToArrayAsync(Token);
}
