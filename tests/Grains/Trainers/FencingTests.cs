namespace Axpo.Grains.Tests.Trainers;

/// <summary>Two activations of one trainer, in two clusters that know nothing of each other over one storage: what a network partition, or a process that stood still, makes.</summary>
public sealed class FencingTests
{
    [Fact]
    public async Task A_trainer_that_wakes_behind_a_newer_fence_does_no_harm()
    {
        var (stale, newer) = (new World(), new World());
        var stands = Waits.Signal();
        var wakes = Waits.Signal();
        stale.Learner.Gate = async (_, _) =>
        {
            stands.TrySetResult(true);
            await wakes.Task;
        };
        await using var first = await AxpoTestCluster.StartAsync(stale.Services);
        await using var second = await AxpoTestCluster.StartAsync(newer.Services, o => o.After = first);
        var request = await RolledOutAsync(first);
        var zombie = first.Grains.GetGrain<ITrainerGrain>(World.Run);
        await zombie.StartAsync(request);
        await stands.Task.Event("the first trainer's update");

        var trainer = second.Grains.GetGrain<ITrainerGrain>(World.Run);
        var committed = await trainer.EndAsync(request);
        var status = await trainer.StatusAsync();
        wakes.SetResult(true);
        var answer = await zombie.WaitAsync(request.Batch, TimeSpan.FromSeconds(10));

        answer.State.ShouldBe(OperationState.Unknown, "whoever asks is to look for the committed state");
        (committed.Weights.Fence, committed.Weights.Folder).ShouldBe((2, "r1/step-1-fence-2"));
        stale.Learner.Checkpoints.Keys.ShouldBe(["r1/step-1-fence-1"], "its checkpoint is of its own fence");
        stale.Engine.Weights.ShouldBeNull("it publishes nothing");
        newer.Engine.Weights.ShouldBe(committed.Weights);
        (await trainer.StatusAsync()).ShouldBe(status);

        // Asked again, it publishes what the other one has committed, never what it failed to commit.
        stale.Learner.Restore(committed.Weights.Folder, 1);
        (await zombie.EndAsync(request)).Weights.ShouldBe(committed.Weights);
        stale.Engine.Weights.ShouldBe(committed.Weights);
        (await trainer.StatusAsync()).ShouldBe(status);
    }

    [Fact]
    public async Task Two_trainers_at_once_commit_a_batch_once()
    {
        var worlds = new[] { new World(), new World() };
        var meet = new Meeting(worlds.Length);
        foreach (var world in worlds)
        {
            world.Learner.Gate = (_, _) => meet.ArriveAsync();
        }

        await using var first = await AxpoTestCluster.StartAsync(worlds[0].Services);
        await using var second = await AxpoTestCluster.StartAsync(worlds[1].Services, o => o.After = first);
        var request = await RolledOutAsync(first);
        ITrainerGrain[] trainers = [first.Grains.GetGrain<ITrainerGrain>(World.Run), second.Grains.GetGrain<ITrainerGrain>(World.Run)];

        foreach (var trainer in trainers)
        {
            await trainer.StatusAsync();
        }

        // Both have the fence of the same committed state in mind; one takes it first, the other's write fails and it is asked again.
        await trainers[0].StartAsync(request);
        await trainers[1].StartAsync(request);
        await meet.FirstArrived.Event("an update");
        meet.Open();
        TrainResult[] results = [await EndAsync(trainers[0], request), await EndAsync(trainers[1], request)];

        results[0].Weights.ShouldBe(results[1].Weights);
        var status = await trainers[0].StatusAsync();
        (status.Step, status.Batch, status.Weights).ShouldBe((1, request.Batch, results[0].Weights));
        worlds.Sum(w => w.Learner.Checkpoints.Count(c => c.Key == results[0].Weights.Folder)).ShouldBe(1, "exactly one of them wrote what counts");
        worlds.SelectMany(w => w.Learner.Checkpoints.Keys).ShouldBeUnique();
        worlds.Select(w => w.Engine.Weights).ShouldAllBe(w => w == results[0].Weights);
    }

    /// <summary>As a run does it: what is unknown is started again.</summary>
    private static async Task<TrainResult> EndAsync(ITrainerGrain trainer, TrainRequest request)
    {
        for (var starts = 0; starts < 20; starts++)
        {
            var answer = await trainer.StartAsync(request);
            while (answer.State == OperationState.Running)
            {
                answer = await trainer.WaitAsync(request.Batch, TimeSpan.FromSeconds(10));
            }

            if (answer.State == OperationState.Done)
            {
                return answer.Result!;
            }

            answer.State.ShouldBe(OperationState.Unknown, answer.Error);
        }

        throw new InvalidOperationException("the batch was started 20 times and never committed");
    }

    private static async Task<TrainRequest> RolledOutAsync(AxpoTestCluster cluster)
    {
        var group = cluster.Grains.GetGrain<IGroupGrain>("r1/train/1/0");
        await group.EndAsync(new GroupRequest { Samples = 4, Sampling = SamplingOptions.Training() });
        return new TrainRequest
        {
            Batch = "r1/train/1",
            Step = 1,
            Questions = [0],
            GroupSize = 4,
            Plan = ResamplePlan.None(1),
        };
    }

    /// <summary>Updates wait until the test has seen one and opens.</summary>
    private sealed class Meeting(int expected)
    {
        private readonly TaskCompletionSource<bool> _first = Waits.Signal();
        private readonly TaskCompletionSource<bool> _open = Waits.Signal();
        private int _arrived;

        public Task<bool> FirstArrived => _first.Task;

        public void Open() => _open.TrySetResult(true);

        public Task ArriveAsync()
        {
            _first.TrySetResult(true);
            if (Interlocked.Increment(ref _arrived) >= expected)
            {
                Open();
            }

            return _open.Task;
        }
    }
}
