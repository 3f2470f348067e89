namespace Axpo.Grains.Tests.Trainers;

public sealed class TrainerTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_batch_that_is_delivered_twice_is_consumed_once()
    {
        var world = new World();
        await using var cluster = await AxpoTestCluster.StartAsync(world.Services, o => o.Silos = 2);
        var request = await RolledOutAsync(world, cluster);
        var trainer = cluster.Grains.GetGrain<ITrainerGrain>(World.Run);

        await Task.WhenAll(trainer.StartAsync(request), trainer.StartAsync(request));
        var first = await trainer.EndAsync(request);
        await trainer.CloseAsync();
        var second = await trainer.EndAsync(request);

        second.Weights.ShouldBe(first.Weights);
        second.Update.ShouldBe(first.Update);
        world.Learner.Batches.ShouldHaveSingleItem().Id.ShouldBe("r1/train/1");
        (await trainer.StatusAsync()).Step.ShouldBe(1);
        world.Engine.Weights.ShouldBe(first.Weights);
    }

    [Fact]
    public async Task Nothing_is_committed_when_the_checkpoint_cannot_be_written_and_the_next_try_takes_a_new_fence()
    {
        var world = new World();
        await using var cluster = await AxpoTestCluster.StartAsync(world.Services);
        var request = await RolledOutAsync(world, cluster);
        var trainer = cluster.Grains.GetGrain<ITrainerGrain>(World.Run);
        world.Learner.Restore("r1/step-1-fence-1", 0);

        var answer = await trainer.StartAsync(request);
        answer = answer.State == OperationState.Running ? await trainer.WaitAsync(request.Batch, TimeSpan.FromSeconds(10)) : answer;

        answer.State.ShouldBe(OperationState.Failed);
        answer.Error.ShouldNotBeNull().ShouldContain("never overwritten");
        (await trainer.StatusAsync()).Step.ShouldBe(0);
        world.Engine.Weights.ShouldBeNull();

        var mended = await trainer.EndAsync(request);
        mended.Weights.Fence.ShouldBe(2);
        mended.Weights.Folder.ShouldBe("r1/step-1-fence-2");
        world.Engine.Weights.ShouldBe(mended.Weights);
    }

    [Fact]
    public async Task A_batch_out_of_order_is_refused()
    {
        var world = new World();
        await using var cluster = await AxpoTestCluster.StartAsync(world.Services);
        var request = (await RolledOutAsync(world, cluster)) with { Step = 3, Batch = "r1/train/3" };
        var trainer = cluster.Grains.GetGrain<ITrainerGrain>(World.Run);

        var answer = await trainer.StartAsync(request);
        answer = answer.State == OperationState.Running ? await trainer.WaitAsync(request.Batch, TimeSpan.FromSeconds(10)) : answer;

        answer.State.ShouldBe(OperationState.Failed);
        answer.Error.ShouldNotBeNull().ShouldContain("step 0");
    }

    [Fact]
    public async Task What_the_run_counts_as_Void_is_left_out_and_what_it_counts_must_not_be_stored_as_Void()
    {
        var world = new World(turn => turn.Episode.Rollout == 2 ? throw new ScriptedFaultException(GenerateStatus.Fault, "out of memory") : World.Default(turn));
        await using var cluster = await AxpoTestCluster.StartAsync(world.Services);
        var request = await RolledOutAsync(world, cluster);
        var trainer = cluster.Grains.GetGrain<ITrainerGrain>(World.Run);

        var answer = await trainer.StartAsync(request);
        answer = answer.State == OperationState.Running ? await trainer.WaitAsync(request.Batch, TimeSpan.FromSeconds(10)) : answer;
        answer.State.ShouldBe(OperationState.Failed);
        answer.Error!.ShouldContain(World.Id(2).ToString());
        (await trainer.StatusAsync()).Step.ShouldBe(0, "nothing was trained on less than was counted");

        await trainer.EndAsync(request with { Void = [World.Id(2)] });
        world.Learner.Batches.ShouldHaveSingleItem().Sequences.ShouldNotContain(s => s.Id == World.Id(2));
    }

    private static async Task<TrainRequest> RolledOutAsync(World world, AxpoTestCluster cluster)
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
}
