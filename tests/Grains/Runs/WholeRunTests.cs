namespace Axpo.Grains.Tests.Runs;

public sealed class WholeRunTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Checkpoints_are_retired_once_newer_ones_are_committed()
    {
        var world = new World();
        world.Configuration = world.Configuration with { Steps = 4, Learner = new LearnerOptions { KeepCheckpoints = 2 } };
        await using var cluster = await AxpoTestCluster.StartAsync(world.Services);
        var run = cluster.Grains.GetGrain<IRunGrain>(World.Run);
        await run.StartAsync(new RunRequest());
        (await run.EndAsync()).Phase.ShouldBe(RunPhase.Done);
        world.Services.Retired.ShouldBe([1, 2]);
        cluster.Trajectories.ClosedThrough.ShouldBe(3, "only the newest step is held open");
    }

    [Fact]
    public async Task A_budget_of_tokens_ends_training_with_the_step_that_reaches_it_and_its_whole_evaluation()
    {
        var world = new World();
        await using var cluster = await AxpoTestCluster.StartAsync(world.Services);
        var run = cluster.Grains.GetGrain<IRunGrain>(World.Run);
        world.Configuration = world.Configuration with { Steps = 5, TokenBudget = 1, Evaluation = new EvaluationOptions { Every = 0, Samples = 2, Questions = 1, FinalQuestions = 2 } };
        await run.StartAsync(new RunRequest());
        var status = await run.EndAsync();
        (status.Phase, status.Step).ShouldBe((RunPhase.Done, 1));
        var rows = await cluster.Log.ReadAsync(World.Run, Token);
        rows.Select(r => r.Step).ShouldBe([0, 1]);
        rows.Select(r => (r.Eval!.Questions, r.EvalT1!.Questions)).ShouldBe([(2, 2), (2, 2)]);
        rows[1].EvalT1!.Results.Select(r => r.Id).ShouldBe(["q0", "q1"]);
        rows[1].Train!.SampledTokens.ShouldBeGreaterThan(1);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task An_axpo_run_draws_rolls_out_resamples_trains_and_measures(int silos)
    {
        var world = new World();
        await using var cluster = await AxpoTestCluster.StartAsync(world.Services, o => o.Silos = (short)silos);
        var run = cluster.Grains.GetGrain<IRunGrain>(World.Run);

        await run.StartAsync(new RunRequest());
        var status = await run.EndAsync();

        status.Phase.ShouldBe(RunPhase.Done, status.Message);
        status.Step.ShouldBe(2);
        var rows = await cluster.Log.ReadAsync(World.Run, Token);
        rows.Select(r => r.Step).ShouldBe([0, 1, 2]);
        rows.Select(r => r.Eval is not null).ShouldBe([true, false, true]);
        rows.Select(r => r.EvalT1 is not null).ShouldBe([true, false, true]);
        foreach (var row in rows.Skip(1))
        {
            var train = row.Train.ShouldNotBeNull();
            train.Questions.ShouldBe(3);
            train.Rollouts.ShouldBe(12);
            train.Triggered.ShouldBe(1);
            train.Prefixes.ShouldBe(2);
            train.Recovery.ShouldBe(1.0);
            train.AllWrongToolBefore.ShouldBe(1 / 3.0);
            train.AllWrongToolAfter.ShouldBe(0.0);
            train.VoidShare.ShouldBe(0);
            row.Update.ShouldNotBeNull().Step.ShouldBe(row.Step);
        }

        world.Learner.Batches.Select(b => b.Id).ShouldBe(["r1/train/1", "r1/train/2"]);
        world.Learner.Step.ShouldBe(2);
        world.Engine.Weights.ShouldNotBeNull().Step.ShouldBe(2);
        world.Engine.Status.Sessions.ShouldBe(0, "sessions are released when group and forks are done");
        cluster.Log.Drops(World.Run).ShouldBeEmpty();
        var stored = await cluster.Trajectories.ListAsync(World.Run, Phase.Train, 1, Token).ToListAsync(Token);
        stored.Count.ShouldBe(12 + 4);
        stored.Count(r => r.InheritedTokens > 0).ShouldBe(4);
        stored.ShouldAllBe(r => r.Versions.All(v => v == -1 || v == 0));
        (await cluster.Trajectories.ListAsync(World.Run, Phase.Train, 2, Token).ToListAsync(Token)).ShouldAllBe(r => r.Versions.All(v => v == -1 || v == 1));
        cluster.Trajectories.Puts.ShouldBe(cluster.Trajectories.Count, "no episode twice");
    }

    [Fact]
    public async Task Grpo_resamples_nothing()
    {
        var world = new World();
        world.Configuration = AlgorithmPresets.Apply("grpo", world.Configuration) with { Steps = 1 };
        await using var cluster = await AxpoTestCluster.StartAsync(world.Services);
        var run = cluster.Grains.GetGrain<IRunGrain>(World.Run);

        await run.StartAsync(new RunRequest());

        (await run.EndAsync()).Phase.ShouldBe(RunPhase.Done);
        var row = (await cluster.Log.ReadAsync(World.Run, Token))[1];
        row.Train!.Prefixes.ShouldBe(0);
        world.Engine.Requests.ShouldAllBe(r => r.ForkOf == null);
    }

    [Fact]
    public async Task Silo_count_and_live_episodes_change_no_token_outcome_or_plan()
    {
        var runs = new List<string[]>();
        foreach (var (silos, live) in new[] { (1, 64), (2, 4), (3, 16) })
        {
            var world = new World();
            world.Configuration = world.Configuration with { Rollouts = world.Configuration.Rollouts with { MaxLive = live } };
            await using var cluster = await AxpoTestCluster.StartAsync(world.Services, o => o.Silos = (short)silos);
            var run = cluster.Grains.GetGrain<IRunGrain>(World.Run);
            await run.StartAsync(new RunRequest());
            await run.EndAsync();
            runs.Add(await World.StoredAsync(cluster));
        }

        runs[1].ShouldBe(runs[0]);
        runs[2].ShouldBe(runs[0]);
    }

    [Fact]
    public async Task An_evaluation_is_one_row_without_training()
    {
        var world = new World();
        await using var cluster = await AxpoTestCluster.StartAsync(world.Services);
        var run = cluster.Grains.GetGrain<IRunGrain>(World.Run);

        await run.StartAsync(new RunRequest { Kind = RunKind.Evaluate, Questions = 2, Samples = 4, Phases = [Phase.EvalT1] });

        (await run.EndAsync()).Phase.ShouldBe(RunPhase.Done);
        var row = (await cluster.Log.ReadAsync(World.Run, Token)).ShouldHaveSingleItem();
        row.Eval.ShouldBeNull();
        row.EvalT1.ShouldNotBeNull().Pass1.ShouldBe(.75);
        row.EvalT1!.Questions.ShouldBe(2);
        row.EvalT1.Samples.ShouldBe(4);
        world.Learner.Batches.ShouldBeEmpty();
    }

    [Fact]
    public async Task A_batch_of_rollouts_is_stored()
    {
        var world = new World();
        await using var cluster = await AxpoTestCluster.StartAsync(world.Services);
        var run = cluster.Grains.GetGrain<IRunGrain>(World.Run);

        await run.StartAsync(new RunRequest { Kind = RunKind.Rollout, Questions = 2, Samples = 3, Sampling = SamplingOptions.PaperEvaluation });

        var status = await run.EndAsync();
        status.Phase.ShouldBe(RunPhase.Done);
        status.Episodes.ShouldBe(6);
        (await cluster.Trajectories.ListAsync(World.Run, Phase.Rollout, 0, Token).CountAsync(Token)).ShouldBe(6);
        world.Engine.Requests.ShouldAllBe(r => r.Sampling == SamplingOptions.PaperEvaluation);
    }

    [Fact]
    public async Task A_run_that_cannot_go_on_fails_with_the_reason()
    {
        var world = new World();
        world.Learner.Gate = (_, _) => throw new IOException("no space left on device");
        await using var cluster = await AxpoTestCluster.StartAsync(world.Services, o => o.Grains = g => g.OutagePatience = TimeSpan.Zero);
        var run = cluster.Grains.GetGrain<IRunGrain>(World.Run);

        await run.StartAsync(new RunRequest());
        var failed = await run.EndAsync();

        failed.Phase.ShouldBe(RunPhase.Failed);
        failed.Message.ShouldNotBeNull().ShouldContain("no space left");
        failed.Step.ShouldBe(0);

        var generations = FirstStep();
        world.Learner.Gate = null;
        await run.ResumeAsync();
        (await run.EndAsync()).Phase.ShouldBe(RunPhase.Done);
        (await cluster.Log.ReadAsync(World.Run, Token)).Select(r => r.Step).ShouldBe([0, 1, 2]);
        FirstStep().ShouldBe(generations, "stored rollouts are found, not made again");

        int FirstStep() => world.Engine.Requests.Count(r => r.Group == EpisodeId.GroupId(World.Run, Phase.Train, 1, 0));
    }
}
