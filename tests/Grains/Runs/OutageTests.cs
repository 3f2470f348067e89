using Microsoft.Extensions.DependencyInjection;
using Orleans.Hosting;

namespace Axpo.Grains.Tests.Runs;

/// <summary>Storage that is out of reach for a while costs a run time, nothing else.</summary>
public sealed class OutageTests
{
    [Fact]
    public async Task A_run_waits_while_its_storage_is_out_of_reach_and_goes_on()
    {
        var undisturbed = await RunAsync(0, TimeSpan.FromMinutes(10));
        var disturbed = await RunAsync(3, TimeSpan.FromMinutes(10));
        disturbed.Status.Phase.ShouldBe(RunPhase.Done, disturbed.Status.Message);
        disturbed.Rows.Select(r => r.Step).ShouldBe([0, 1, 2]);
        disturbed.Rows.Select(r => r.Train).ShouldBe(undisturbed.Rows.Select(r => r.Train));
        disturbed.Status.Weights!.Step.ShouldBe(2);
        disturbed.Trained.ShouldBe(undisturbed.Trained, "no batch is consumed twice");
    }

    [Fact]
    public async Task An_outage_longer_than_the_patience_ends_the_run_with_its_reason_and_it_can_be_resumed()
    {
        var (status, _, _) = await RunAsync(int.MaxValue, TimeSpan.Zero);
        status.Phase.ShouldBe(RunPhase.Failed);
        status.Message!.ShouldContain(BrokenLog.Reason);
    }

    [Fact]
    public async Task A_call_that_Orleans_gives_up_on_its_way_is_made_again()
    {
        var world = new World();
        var given = 0;
        await using var cluster = await AxpoTestCluster.StartAsync(world.Services, o => o.Silo = silo => silo.AddOutgoingGrainCallFilter(async call =>
        {
            // Every seventh call between our grains, half of them before and half after they were made.
            var isOurs = call.InterfaceMethod.DeclaringType?.Namespace == typeof(IRunGrain).Namespace;
            var n = isOurs ? Interlocked.Increment(ref given) : 1;
            if (n % 14 == 0)
            {
                throw new OperationCanceledException("Message expired before placement could complete");
            }

            await call.Invoke();
            if (n % 14 == 7)
            {
                throw new OperationCanceledException("Message expired before placement could complete");
            }
        }));
        var run = cluster.Grains.GetGrain<IRunGrain>(World.Run);
        await run.StartAsync(new RunRequest());
        var status = await run.EndAsync();
        (status.Phase, status.Step, status.Dropped).ShouldBe((RunPhase.Done, 2, 0), status.Message);
        given.ShouldBeGreaterThan(100);
    }

    [Fact]
    public async Task A_cancellation_that_nobody_asked_for_is_an_outage()
    {
        var world = new World();
        var given = 0;
        world.Learner.Gate = (_, _) => Interlocked.Increment(ref given) == 1 ? throw new OperationCanceledException("given up") : Task.CompletedTask;
        await using var cluster = await AxpoTestCluster.StartAsync(world.Services);
        var run = cluster.Grains.GetGrain<IRunGrain>(World.Run);
        await run.StartAsync(new RunRequest());
        var status = await run.EndAsync();
        (status.Phase, status.Step, status.Dropped).ShouldBe((RunPhase.Done, 2, 0), status.Message);
        given.ShouldBe(3, "the update that was given up is made again");
    }

    [Fact]
    public async Task An_episode_that_stays_out_of_reach_is_not_Void_the_run_waits_for_it()
    {
        var world = new World();
        var lost = 0;
        await using var cluster = await AxpoTestCluster.StartAsync(world.Services, o => o.Silo = silo => silo.AddOutgoingGrainCallFilter(call =>
            call.InterfaceMethod.DeclaringType == typeof(IEpisodeGrain) && call.TargetId.Key.ToString() == World.Id().ToString() && Interlocked.Increment(ref lost) <= 20
                ? throw new TimeoutException("no answer")
                : call.Invoke()));
        var run = cluster.Grains.GetGrain<IRunGrain>(World.Run);
        await run.StartAsync(new RunRequest());
        var status = await run.EndAsync();
        (status.Phase, status.Step, status.Dropped).ShouldBe((RunPhase.Done, 2, 0), status.Message);
        lost.ShouldBeGreaterThan(20, "far more calls than a single operation may lose");
    }

    [Fact]
    public async Task A_rollout_that_cannot_be_stored_is_not_lost_and_not_Void_the_run_waits()
    {
        var world = new World();
        var store = new BrokenStore();
        await using var cluster = await AxpoTestCluster.StartAsync(world.Services, o => o.Silo = silo => silo.Services.AddSingleton<ITrajectoryStore>(store));
        var run = cluster.Grains.GetGrain<IRunGrain>(World.Run);
        await run.StartAsync(new RunRequest());
        var status = await run.EndAsync();

        (status.Phase, status.Step, status.Dropped).ShouldBe((RunPhase.Done, 2, 0), status.Message);
        store.Refused.ShouldBe(BrokenStore.Failures);
        (await store.ListAsync(World.Run, null, null, TestContext.Current.CancellationToken).ToListAsync(TestContext.Current.CancellationToken)).ShouldAllBe(r => r.Outcome != Outcome.Void);
    }

    private static async Task<(RunStatus Status, IReadOnlyList<MetricsRow> Rows, int Trained)> RunAsync(int failures, TimeSpan patience)
    {
        var log = new BrokenLog(failures);
        var world = new World();
        await using var cluster = await AxpoTestCluster.StartAsync(world.Services, o =>
        {
            o.Grains = g => g.OutagePatience = patience;
            o.Silo = silo => silo.Services.AddSingleton<IRunLog>(log);
        });
        var run = cluster.Grains.GetGrain<IRunGrain>(World.Run);
        await run.StartAsync(new RunRequest());
        var status = await run.EndAsync();
        return (status, await log.ReadAsync(World.Run, TestContext.Current.CancellationToken), (await cluster.Grains.GetGrain<ITrainerGrain>(World.Run).StatusAsync()).Consumed);
    }

    /// <summary>Fails to store one rollout, longer than an episode tries.</summary>
    private sealed class BrokenStore : ITrajectoryStore
    {
        private readonly MemoryTrajectoryStore _store = new();

        public const int Failures = 7;

        public int Refused { get; private set; }

        public ValueTask<StoredRollout> PutAsync(Rollout rollout, CancellationToken cancellationToken)
        {
            if (rollout.Id is { Phase: Phase.Train, Question: 0, Rollout: 0, Step: 1 } && Refused < Failures)
            {
                Refused++;
                throw new IOException("the disk is full");
            }

            return _store.PutAsync(rollout, cancellationToken);
        }

        public ValueTask<IReadOnlyList<Rollout>> GetAsync(IReadOnlyList<EpisodeId> ids, CancellationToken cancellationToken) => _store.GetAsync(ids, cancellationToken);

        public IAsyncEnumerable<Rollout> ListAsync(string run, Phase? phase, int? step, CancellationToken cancellationToken) => _store.ListAsync(run, phase, step, cancellationToken);

        public ValueTask CloseAsync(string run, int throughStep) => _store.CloseAsync(run, throughStep);
    }

    /// <summary>Fails the first writes of the row of step 1.</summary>
    private sealed class BrokenLog(int failures) : IRunLog
    {
        public const string Reason = "the disk is full";
        private readonly MemoryRunLog _log = new();
        private int _failed;

        public ValueTask WriteAsync(string run, MetricsRow row, CancellationToken cancellationToken) =>
            row.Step == 1 && _failed++ < failures ? throw new IOException(Reason) : _log.WriteAsync(run, row, cancellationToken);

        public ValueTask<IReadOnlyList<MetricsRow>> ReadAsync(string run, CancellationToken cancellationToken) => _log.ReadAsync(run, cancellationToken);

        public ValueTask EndedAsync(string run, RunEnd? end, CancellationToken cancellationToken) => _log.EndedAsync(run, end, cancellationToken);

        public ValueTask DropAsync(string run, DropRecord record, CancellationToken cancellationToken) => _log.DropAsync(run, record, cancellationToken);
    }
}
