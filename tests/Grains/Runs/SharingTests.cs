namespace Axpo.Grains.Tests.Runs;

/// <summary>Several runs on one cluster.</summary>
public sealed class SharingTests
{
    private const string Big = "big";
    private const string Small = "small";

    [Fact]
    public async Task A_small_run_waits_for_the_live_episodes_of_a_big_one_not_for_all_of_them()
    {
        var world = new World(Calls, questions: 16);
        var (busy, open) = (Waits.Signal(), Waits.Signal());
        world.Tool.Gate = async (_, ct) =>
        {
            busy.TrySetResult(true);
            await open.Task.WaitAsync(ct);
        };
        await using var cluster = await AxpoTestCluster.StartAsync(world.Services, o => o.Pipelines["calc"] = p => (p.Concurrency, p.DeadlineSeconds) = (1, 600));
        var big = cluster.Grains.GetGrain<IRunGrain>(Big);
        await big.StartAsync(new RunRequest { Kind = RunKind.Rollout, Samples = 4 });
        await busy.Task.Event("the big run holds the tool");
        var small = cluster.Grains.GetGrain<IRunGrain>(Small);
        await small.StartAsync(new RunRequest { Kind = RunKind.Rollout, Questions = 1, Samples = 2 });
        open.TrySetResult(true);

        (await small.EndAsync()).Phase.ShouldBe(RunPhase.Done);
        (await big.EndAsync()).Phase.ShouldBe(RunPhase.Done);

        string[] calls = [.. world.Tool.Calls.Select(c => c.Session.Split('/')[1])];
        calls.Count(c => c == Big).ShouldBe(64);
        var last = Array.LastIndexOf(calls, Small);
        last.ShouldBeLessThan(64, "the big run had calls to make after the last one of the small run");
    }

    [Fact]
    public async Task A_cancelled_run_frees_its_tools_and_its_engine()
    {
        var world = new World(Calls, questions: 4);
        using var held = new CountdownEvent(2);
        var all = Waits.Signal();
        world.Tool.Gate = async (_, ct) =>
        {
            if (!held.IsSet && held.Signal())
            {
                all.TrySetResult(true);
            }

            await Task.Delay(Timeout.Infinite, ct);
        };
        await using var cluster = await AxpoTestCluster.StartAsync(world.Services, o => o.Pipelines["calc"] = p => (p.Concurrency, p.DeadlineSeconds) = (2, 600));
        var run = cluster.Grains.GetGrain<IRunGrain>(Big);
        await run.StartAsync(new RunRequest { Kind = RunKind.Rollout, Samples = 2 });
        await all.Task.Event("the tool holds two calls, more wait");

        await run.CancelAsync("enough");
        (await run.EndAsync()).Phase.ShouldBe(RunPhase.Cancelled);

        await world.Tool.AllClosed.Event("every session of the tool is closed");
        world.Engine.Status.LiveSequences.ShouldBe(0);
        world.Services.Released.ShouldContain(Big, "its engine ends, and what it holds with it");
    }

    private static string Calls(ScriptedTurn turn) => turn.Turn == 0 ? "<think>use calc</think>" + turn.Call("calc", """{"x":"1"}""") : ScriptedTurn.Answer("7");
}
