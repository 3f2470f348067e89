using System.Collections.Concurrent;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;
using Orleans.Runtime;
using Orleans.Runtime.Placement;
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
        var events = new ConcurrentQueue<string>();
        await using var cluster = await AxpoTestCluster.StartAsync(world.Services, o => (o.Silos, o.Silo) = (2, silo => silo.Services.AddSingleton<ILifecycleParticipant<ISiloLifecycle>>(new Behind(events))));
        cluster.Journal.Appended = turn => events.Enqueue($"turn {turn.Turn} stored");
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

        // Each turn is stored once, and the silo goes on to stop between them.
        events.ShouldBe(["turn 0 stored", "drained", "turn 1 stored"]);
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

    [Fact]
    public async Task An_engine_whose_silo_stops_lets_the_generation_of_an_episode_elsewhere_end()
    {
        var world = new World();
        var reached = Waits.Signal();
        var release = Waits.Signal();
        var events = new ConcurrentQueue<string>();
        world.Engine.Gate = async (turn, ct) =>
        {
            if (turn.Turn == 0)
            {
                reached.TrySetResult(true);
                await release.Task.WaitAsync(ct);
                events.Enqueue("generated");
            }
        };
        await using var cluster = await AxpoTestCluster.StartAsync(world.Services, o => (o.Silos, o.Silo) = (2, silo => silo.Services.AddSingleton<ILifecycleParticipant<ISiloLifecycle>>(new Behind(events))));
        var (first, second) = (cluster.Cluster.Silos[0], cluster.Cluster.Silos[1]);
        var policy = cluster.Grains.GetGrain<IPolicyGrain>($"{World.Run}/0");
        await PlacedAsync(first, policy.StatusAsync);
        var episode = cluster.Grains.GetGrain<IEpisodeGrain>(World.Id().ToString());
        await PlacedAsync(second, () => episode.StartAsync(world.Request()));
        await reached.Task.Event("the first turn under way");
        ((await HomeAsync(cluster, policy)).SiloAddress, (await HomeAsync(cluster, episode)).SiloAddress).ShouldBe((first.SiloAddress, second.SiloAddress));

        var stop = cluster.Cluster.StopSiloAsync(first);
        await Drain(first).Begun.WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken);
        release.SetResult(true);
        await stop;
        var summary = await EndAsync(episode, world);

        (summary.Outcome, summary.Attempts, summary.Turns).ShouldBe((Outcome.Wrong, 1, 2));
        world.Engine.Requests.Select(r => r.Offset + r.Tokens.Length).ShouldBeUnique("nothing is generated twice");
        world.Engine.Requests.Count.ShouldBe(2);
        events.ShouldBe(["generated", "drained"]);
    }

    private static async Task PlacedAsync(InProcessSiloHandle silo, Func<Task> call)
    {
        RequestContext.Set(IPlacementDirector.PlacementHintKey, silo.SiloAddress);
        try
        {
            await call();
        }
        finally
        {
            RequestContext.Remove(IPlacementDirector.PlacementHintKey);
        }
    }

    private static SiloDrain Drain(InProcessSiloHandle silo) => silo.ServiceProvider.GetRequiredService<SiloDrain>();

    private static async Task<InProcessSiloHandle> HomeAsync(AxpoTestCluster cluster, IAddressable grain)
    {
        var address = await cluster.Grains.GetGrain<IManagementGrain>(0).GetActivationAddress(grain);
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

    [Fact]
    public async Task A_drain_waits_for_what_is_under_way_and_no_longer_than_its_bound()
    {
        var time = new FakeTimeProvider();
        var drain = new SiloDrain(Options.Create(new GrainsOptions { DrainSeconds = 30 }), time);
        var lifecycle = new Lifecycle();
        ((ILifecycleParticipant<ISiloLifecycle>)drain).Participate(lifecycle);
        var live = drain.Enter();
        drain.IsDraining.ShouldBeFalse();

        var waits = lifecycle.StopAsync(TestContext.Current.CancellationToken);
        drain.IsDraining.ShouldBeTrue();
        waits.IsCompleted.ShouldBeFalse();
        live.Dispose();
        await waits;

        var again = new SiloDrain(Options.Create(new GrainsOptions { DrainSeconds = 30 }), time);
        ((ILifecycleParticipant<ISiloLifecycle>)again).Participate(lifecycle);
        _ = again.Enter();
        var bounded = lifecycle.StopAsync(TestContext.Current.CancellationToken);
        time.Advance(TimeSpan.FromSeconds(29));
        bounded.IsCompleted.ShouldBeFalse();
        time.Advance(TimeSpan.FromSeconds(1));
        await bounded;
    }

    [Fact]
    public async Task A_silo_that_is_killed_drains_nothing()
    {
        var drain = new SiloDrain(Options.Create(new GrainsOptions()), TimeProvider.System);
        var lifecycle = new Lifecycle();
        ((ILifecycleParticipant<ISiloLifecycle>)drain).Participate(lifecycle);
        _ = drain.Enter();
        await lifecycle.StopAsync(new CancellationToken(canceled: true));
        drain.IsDraining.ShouldBeFalse();
    }

    /// <summary>Says when a silo goes on to stop, after it has drained.</summary>
    private sealed class Behind(ConcurrentQueue<string> events) : ILifecycleParticipant<ISiloLifecycle>
    {
        public void Participate(ISiloLifecycle lifecycle) => lifecycle.Subscribe(nameof(Behind), ServiceLifecycleStage.Last - 1, _ => Task.CompletedTask, _ =>
        {
            events.Enqueue("drained");
            return Task.CompletedTask;
        });
    }

    /// <summary>The newest subscription, stopped by the test.</summary>
    private sealed class Lifecycle : ISiloLifecycle, IDisposable
    {
        private ILifecycleObserver? _observer;

        public int HighestCompletedStage => int.MaxValue;

        public int LowestStoppedStage => int.MaxValue;

        public IDisposable Subscribe(string observerName, int stage, ILifecycleObserver observer)
        {
            _observer = observer;
            return this;
        }

        public void Dispose() => _observer = null;

        public Task StopAsync(CancellationToken cancellationToken) => _observer!.OnStop(cancellationToken);
    }
}
