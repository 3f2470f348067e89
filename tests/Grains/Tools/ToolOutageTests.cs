namespace Axpo.Grains.Tests.Tools;

public sealed class ToolOutageTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    private static string AlwaysCalls(ScriptedTurn turn) => turn.Turn == 0 ? turn.Call("calc", "{}") : ScriptedTurn.Answer("8");

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_transient_fault_is_retried_inside_the_call(bool isStateful)
    {
        var world = new World(AlwaysCalls, isStateful: isStateful);
        world.Tool.FailNext(2);
        await using var cluster = await AxpoTestCluster.StartAsync(world.Services, o => o.Pipelines["calc"] = p => p.RetryDelaySeconds = 0);

        var summary = await cluster.Grains.GetGrain<IEpisodeGrain>(World.Id().ToString()).EndAsync(world.Request());

        (summary.Outcome, summary.Attempts).ShouldBe((Outcome.Wrong, 1));
        world.Tool.Calls.Count.ShouldBe(3);
    }

    [Fact]
    public async Task A_tool_that_floods_is_Void_and_never_the_policys_mistake()
    {
        var world = new World(AlwaysCalls, _ => new ToolResult(new string('x', 60_001)));
        await using var cluster = await AxpoTestCluster.StartAsync(world.Services);

        var summary = await cluster.Grains.GetGrain<IEpisodeGrain>(World.Id().ToString()).EndAsync(world.Request());

        (summary.Outcome, summary.Cause).ShouldBe((Outcome.Void, VoidCause.ToolUnavailable));
        summary.Detail.ShouldNotBeNull().ShouldContain("it answered 60001 bytes, its pipeline takes 60000");
    }

    [Fact]
    public async Task A_lasting_fault_is_not_retried_inside_the_call_and_is_Void()
    {
        var world = new World(AlwaysCalls);
        world.Tool.Outage = new ToolUnavailableException("not installed", isTransient: false);
        world.Configuration = world.Configuration with { Rollouts = world.Configuration.Rollouts with { Attempts = 2 } };
        await using var cluster = await AxpoTestCluster.StartAsync(world.Services);

        var summary = await cluster.Grains.GetGrain<IEpisodeGrain>(World.Id().ToString()).EndAsync(world.Request());

        (summary.Outcome, summary.Cause, summary.Attempts).ShouldBe((Outcome.Void, VoidCause.ToolUnavailable, 2));
        summary.Detail.ShouldNotBeNull().ShouldContain("not installed");
        world.Tool.Calls.Count.ShouldBe(2, "one call an attempt");
        world.Tool.Closed.ShouldBe(world.Tool.Opened);
    }

    [Fact]
    public async Task An_outage_on_purpose_is_Void_in_training_and_spares_held_out_questions()
    {
        var world = new World(AlwaysCalls);
        world.Configuration = world.Configuration with { Faults = new FaultOptions { ToolOutage = 1 }, Rollouts = world.Configuration.Rollouts with { Attempts = 2 } };
        await using var cluster = await AxpoTestCluster.StartAsync(world.Services);

        var trained = await cluster.Grains.GetGrain<IEpisodeGrain>(World.Id().ToString()).EndAsync(world.Request());
        var heldOut = await cluster.Grains.GetGrain<IEpisodeGrain>((World.Id() with { Phase = Phase.Eval }).ToString()).EndAsync(world.Request());

        (trained.Outcome, trained.Cause, trained.Attempts).ShouldBe((Outcome.Void, VoidCause.ToolUnavailable, 2));
        trained.Detail.ShouldNotBeNull().ShouldContain("faults.toolOutage = 1");
        heldOut.Outcome.ShouldNotBe(Outcome.Void);
        world.Tool.Calls.Count.ShouldBe(1, "held-out questions reach the tool, the others do not");
    }

    [Fact]
    public async Task Outages_on_purpose_strike_their_share_of_the_calls_each_attempt_anew()
    {
        var world = new World(AlwaysCalls);
        world.Configuration = world.Configuration with { Faults = new FaultOptions { ToolOutage = .5 }, Rollouts = world.Configuration.Rollouts with { Attempts = 2 } };
        await using var cluster = await AxpoTestCluster.StartAsync(world.Services);

        var ended = await Task.WhenAll(Enumerable.Range(0, 64).Select(i => cluster.Grains.GetGrain<IEpisodeGrain>(World.Id(rollout: i).ToString()).EndAsync(world.Request())));

        // A half at the first attempt, a quarter at the second; a quarter stays Void. Eleven of 64 is three deviations from that.
        ended.Count(r => r is { Outcome: not Outcome.Void, Attempts: 1 }).ShouldBeInRange(20, 44);
        ended.Count(r => r is { Outcome: not Outcome.Void, Attempts: 2 }).ShouldBeInRange(5, 27);
        ended.Count(r => r.Outcome == Outcome.Void).ShouldBeInRange(5, 27);
    }

    [Fact]
    public async Task A_failure_counts_as_a_mistake_only_where_that_is_asked_for()
    {
        var world = new World(AlwaysCalls);
        world.Tool.Outage = new ToolUnavailableException("not installed", isTransient: false);
        world.Configuration = world.Configuration with { Faults = new FaultOptions { Outcome = FaultOutcome.Wrong } };
        await using var cluster = await AxpoTestCluster.StartAsync(world.Services);

        var trained = await cluster.Grains.GetGrain<IEpisodeGrain>(World.Id().ToString()).EndAsync(world.Request());
        var heldOut = await cluster.Grains.GetGrain<IEpisodeGrain>((World.Id() with { Phase = Phase.Eval }).ToString()).EndAsync(world.Request());

        (trained.Outcome, trained.End, trained.Cause, trained.Attempts).ShouldBe((Outcome.Wrong, EndReason.ToolFailed, VoidCause.None, 1));
        trained.IsToolUsing.ShouldBeTrue("the call carries the blame");
        trained.SampledTokens.ShouldBeGreaterThan(0);
        heldOut.Outcome.ShouldBe(Outcome.Void);
    }

    [Fact]
    public async Task An_outage_opens_the_breaker_and_makes_episodes_Void_never_Wrong()
    {
        var world = new World(AlwaysCalls, isStateful: false);
        world.Tool.Outage = new ToolUnavailableException("backend down", isTransient: false);
        world.Configuration = world.Configuration with { Steps = 1, Rollouts = world.Configuration.Rollouts with { Attempts = 2, MaxVoidShare = 1 }, Evaluation = new EvaluationOptions { Samples = 2 } };
        await using var cluster = await AxpoTestCluster.StartAsync(world.Services, o => o.Pipelines["calc"] = p => (p.BreakerMinimumCalls, p.Retries, p.BreakSeconds) = (4, 0, 3600));
        var run = cluster.Grains.GetGrain<IRunGrain>(World.Run);

        await run.StartAsync(new RunRequest());
        var status = await run.EndAsync();

        status.Phase.ShouldBe(RunPhase.Done, status.Message);
        world.Tool.Calls.Count.ShouldBeLessThan(20, "an open breaker keeps calls away");
        var drops = cluster.Log.Drops(World.Run);
        drops.Count.ShouldBe(2 * (12 + (2 * 2 * 6)), "every void attempt stands in the ledger: training, and two evaluations in two phases, twice");
        drops.ShouldContain(d => d.Cause == VoidCause.ToolBreakerOpen);
        drops.ShouldAllBe(d => d.Cause == VoidCause.ToolUnavailable || d.Cause == VoidCause.ToolBreakerOpen);
        drops.ShouldAllBe(d => d.Attempts == (d.IsLast ? 2 : 1) && d.Detail.Contains("calc"));
        status.Dropped.ShouldBe(drops.Count(d => d.IsLast));
        var row = (await cluster.Log.ReadAsync(World.Run, Token))[1];
        row.Train!.VoidShare.ShouldBe(1);
        row.Train.Accuracy.ShouldBeNull();
        row.Train.Triggered.ShouldBe(0);
        (await cluster.Trajectories.ListAsync(World.Run, null, null, Token).ToListAsync(Token)).ShouldAllBe(r => r.Outcome == Outcome.Void);
    }

    [Fact]
    public async Task The_pipelines_deadline_is_Void_and_ends_the_call()
    {
        var world = new World(AlwaysCalls);
        world.Configuration = world.Configuration with { Rollouts = world.Configuration.Rollouts with { Attempts = 1 } };
        var ended = Waits.Signal();
        world.Tool.Gate = async (_, ct) =>
        {
            await using var registration = ct.Register(() => ended.TrySetResult(true));
            await Task.Delay(Timeout.Infinite, ct);
        };
        await using var cluster = await AxpoTestCluster.StartAsync(world.Services, o => o.Pipelines["calc"] = p => p.DeadlineSeconds = .05);

        var summary = await cluster.Grains.GetGrain<IEpisodeGrain>(World.Id().ToString()).EndAsync(world.Request());

        (summary.Outcome, summary.Cause).ShouldBe((Outcome.Void, VoidCause.ToolDeadline));
        await ended.Task.Event("the end of the call");
    }

    [Fact]
    public async Task An_error_of_the_policy_is_a_result_and_is_never_retried()
    {
        var world = new World(AlwaysCalls, _ => new ToolResult("NameError", IsError: true));
        await using var cluster = await AxpoTestCluster.StartAsync(world.Services);

        var summary = await cluster.Grains.GetGrain<IEpisodeGrain>(World.Id().ToString()).EndAsync(world.Request());

        (summary.Outcome, summary.CallErrors.Single()).ShouldBe((Outcome.Wrong, true));
        world.Tool.Calls.Count.ShouldBe(1);
    }
}
