namespace Axpo.Grains.Tests.Runs;

public sealed class ResamplingTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public async Task Fresh_rollouts_take_the_indexes_behind_their_group_and_join_it(int silos)
    {
        var world = new World();
        world.Configuration = world.Configuration with { Resample = world.Configuration.Resample with { Start = ResampleStart.Fresh } };
        await using var cluster = await AxpoTestCluster.StartAsync(world.Services, o => o.Silos = (short)silos);

        var rows = await RunAsync(cluster);

        foreach (var row in rows.Skip(1))
        {
            // Rollouts 0 and 2 of question 0 are its sources; of the fresh ones the odd are right, without a tool.
            (row.Train!.Prefixes, row.Train.Recovery, row.Train.Rollouts).ShouldBe((2, 1.0, 12));
            (row.Train.AllWrongToolBefore, row.Train.AllWrongToolAfter).ShouldBe((1 / 3.0, 1 / 3.0));
            row.Train.ExtraTokens.ShouldBeGreaterThan(0);
        }

        var batch = world.Learner.Batches.First();
        batch.Sequences.Where(s => s.Question == 0).Select(s => s.Id.ToString()).ShouldBe(Enumerable.Range(0, 8).Select(r => $"r1/train/1/0/{r}"));
        batch.Sequences.ShouldAllBe(s => s.Weight == 1.0 / 12);
        batch.Sequences.Where(s => s.Question == 0).Sum(s => s.Advantages.Max(Math.Abs) * Math.Sign(s.Advantages.Sum())).ShouldBe(0, 1e-9);
        world.Engine.Requests.ShouldAllBe(r => r.ForkOf == null);
        (await cluster.Trajectories.ListAsync(World.Run, Phase.Train, 1, Token).CountAsync(Token)).ShouldBe(16);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public async Task Without_a_tool_the_answer_is_sampled_again_inside_its_turn(int silos)
    {
        // Rollouts without a tool are wrong on question 1; of the continuations k = 1 is right.
        var world = new World(turn => turn.Episode switch
        {
            { Path.IsEmpty: false } id => ScriptedTurn.Answer(id.Path.Branches[^1].K == 1 ? "7" : "8"),
            { Rollout: 0 } when turn.Turn == 0 => turn.Call("calc", "{}"),
            { Question: 1, Rollout: not 0 } => $"<think>{turn.Episode.Rollout}</think>" + ScriptedTurn.Answer("8"),
            _ => ScriptedTurn.Answer("7"),
        });
        world.Configuration = world.Configuration with { Resample = world.Configuration.Resample with { Trigger = ResampleTrigger.NoTool } };
        await using var cluster = await AxpoTestCluster.StartAsync(world.Services, o => o.Silos = (short)silos);

        var rows = await RunAsync(cluster);

        rows.Skip(1).ShouldAllBe(r => r.Train!.Triggered == 1 && r.Train.Prefixes == 3 && r.Train.Recovery == 1.0);
        var stored = await cluster.Trajectories.GetAsync([World.Id(2, 1), World.Id(2, 1).Fork(0, 0), World.Id(2, 1).Fork(0, 1)], Token);
        var answer = stored[0].Segments.Single(s => s.Kind == SegmentKind.Answer).Start;
        answer.ShouldBeGreaterThan(0);
        foreach (var (fork, outcome) in stored.Skip(1).Zip([Outcome.Wrong, Outcome.Correct]))
        {
            (fork.InheritedTokens, fork.Outcome, fork.Turns, fork.Calls.Length).ShouldBe((answer, outcome, 1, 0));
            fork.Tokens[..answer].ShouldBe(stored[0].Tokens[..answer]);
            fork.Segments.Select(s => s.Kind).ShouldBe(stored[0].Segments.Select(s => s.Kind));
            fork.Validate();
        }

        var batch = world.Learner.Batches.First();
        batch.Sequences.Single(s => s.Id == stored[0].Id).Tokens.Length.ShouldBe(answer);
        var first = world.Engine.Requests.First(r => r.Session == stored[1].Id.ToString());
        (first.ForkOf, first.Offset, first.Tokens.Length).ShouldBe((stored[0].Id.ToString(), answer, 0));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public async Task A_sequential_budget_closes_prefixes_at_their_first_success_and_opens_the_next(int silos)
    {
        var world = Sequential();
        await using var cluster = await AxpoTestCluster.StartAsync(world.Services, o => o.Silos = (short)silos);

        var rows = await RunAsync(cluster);

        // 3 prefixes of 2 are allowed. One of each question opens; questions 0 and 1 succeed at once, which saves the 2 continuations of a fourth prefix.
        rows.Skip(1).ShouldAllBe(r => r.Train!.Prefixes == 4);
        var forks = await ForksAsync(cluster);
        forks.Length.ShouldBeLessThanOrEqualTo(6);
        var prefixes = forks.GroupBy(f => f.Id.Original).ToArray();
        prefixes.Length.ShouldBe(4);
        foreach (var prefix in prefixes)
        {
            prefix.Select(f => f.Id.Path.Branches[0].K).ShouldBe(Enumerable.Range(0, prefix.Count()));
            prefix.Count().ShouldBe(prefix.Key.Question == 2 ? 2 : 1);
            prefix.Last().Outcome.ShouldBe(Outcome.Correct);
        }

        var batch = world.Learner.Batches.First();
        batch.Sequences.Where(s => !s.Id.Path.IsEmpty).Select(s => s.Id.ToString()).Order(StringComparer.Ordinal).ShouldBe(forks.Select(f => f.Id.ToString()).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task A_sequential_budget_of_fresh_rollouts_leaves_gaps_where_a_slot_closed()
    {
        var world = Sequential();
        world.Configuration = world.Configuration with { Resample = world.Configuration.Resample with { Start = ResampleStart.Fresh, BudgetRatio = 1 } };
        await using var cluster = await AxpoTestCluster.StartAsync(world.Services, o => o.Silos = 2);

        await RunAsync(cluster);

        // Slot s of a question has the indexes 4 + 2s and 5 + 2s; of question 2 only odd ones are right.
        var stored = await cluster.Trajectories.ListAsync(World.Run, Phase.Train, 1, Token).Where(r => r.Id.Rollout >= 4).Select(r => (r.Id.Question, r.Id.Rollout)).ToArrayAsync(Token);
        stored.Order().ShouldBe([(0, 4), (0, 6), (1, 4), (1, 6), (2, 4), (2, 5), (2, 6), (2, 7)]);
    }

    [Fact]
    public async Task After_every_process_died_the_waves_come_out_as_they_would_have()
    {
        string[] uninterrupted;
        await using (var whole = await AxpoTestCluster.StartAsync(Sequential().Services))
        {
            await RunAsync(whole);
            uninterrupted = await World.StoredAsync(whole);
        }

        var world = Sequential();
        var first = await EveryProcess.DiesAsync(world, turn => turn.Episode is { Step: 2, Path.IsEmpty: false } id && id.Path.Branches[0].K == 1, "the second wave of step 2");

        var found = await first.Trajectories.ListAsync(World.Run, Phase.Train, 2, Token).Where(r => !r.Id.Path.IsEmpty).Select(r => r.Id.ToString()).ToArrayAsync(Token);
        var again = Sequential();
        again.Learner.Restore(world.Learner);

        await using var second = await AxpoTestCluster.StartAsync(again.Services, o => (o.Silos, o.After) = (2, first));
        var run = second.Grains.GetGrain<IRunGrain>(World.Run);
        await run.ResumeAsync();
        (await run.EndAsync()).Phase.ShouldBe(RunPhase.Done);

        (await World.StoredAsync(second)).ShouldBe(uninterrupted);
        found.Length.ShouldBeGreaterThanOrEqualTo(3, "the first wave");
        again.Engine.Requests.ShouldNotContain(r => found.Contains(r.Session), "what was stored is found");
    }

    [Fact]
    public async Task Sampling_in_training_is_as_configured()
    {
        var world = new World();
        world.Configuration = world.Configuration with { Steps = 1, Rollouts = world.Configuration.Rollouts with { Temperature = .9, TopP = .8, TopK = 7 } };
        await using var cluster = await AxpoTestCluster.StartAsync(world.Services);

        await RunAsync(cluster);

        world.Engine.Requests.Where(r => EpisodeId.Parse(r.Session).Phase == Phase.Train).ShouldAllBe(r => r.Sampling == new SamplingOptions { Temperature = .9, TopP = .8, TopK = 7 });
    }

    /// <summary>Even rollouts call the tool and are wrong everywhere; continuations and fresh rollouts are right at once, on question 2 at the second try.</summary>
    private static World Sequential()
    {
        var world = new World(turn =>
        {
            var id = turn.Episode;
            if (turn.IsContinuation || (turn.Turn == 0 && id is { Path.IsEmpty: true, Rollout: 0 or 2 }))
            {
                return turn.Call("calc", "{}");
            }

            var isRight = id.Path.IsEmpty ? id.Rollout is 1 or 3 || (id.Rollout > 3 && (id.Question < 2 || id.Rollout % 2 == 1)) : id.Question < 2 || id.Path.Branches[^1].K == 1;
            return ScriptedTurn.Answer(isRight ? "7" : "8");
        });
        world.Configuration = world.Configuration with { Resample = world.Configuration.Resample with { Allocation = ResampleAllocation.Sequential } };
        return world;
    }

    private static async Task<IReadOnlyList<MetricsRow>> RunAsync(AxpoTestCluster cluster)
    {
        var run = cluster.Grains.GetGrain<IRunGrain>(World.Run);
        await run.StartAsync(new RunRequest());
        var status = await run.EndAsync();
        status.Phase.ShouldBe(RunPhase.Done, status.Message);
        return await cluster.Log.ReadAsync(World.Run, Token);
    }

    private static ValueTask<Rollout[]> ForksAsync(AxpoTestCluster cluster) => cluster.Trajectories.ListAsync(World.Run, Phase.Train, 1, Token)
        .Where(r => !r.Id.Path.IsEmpty).OrderBy(r => r.Id.ToString(), StringComparer.Ordinal).ToArrayAsync(Token);
}
