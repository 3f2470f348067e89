namespace Axpo.Grains.Tests.Runs;

/// <summary>ARPO and Tree-GRPO on a cluster: a scripted policy, several silos, restarts, outages.</summary>
public sealed class BranchingTests
{
    private static readonly Branch _first = new(1, 0, BranchPoint.Turn);
    private static readonly Branch _second = new(2, 0, BranchPoint.Turn);

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public async Task Paths_branch_after_the_results_that_leave_them_less_certain_and_fresh_rollouts_fill_the_group(int silos)
    {
        var world = Arpo();
        await using var cluster = await AxpoTestCluster.StartAsync(world.Services, o => o.Silos = (short)silos);

        var rows = await RunAsync(cluster);

        foreach (var row in rows.Skip(1))
        {
            (row.Train!.Questions, row.Train.Rollouts, row.Train.Branches, row.Train.Prefixes, row.Train.VoidShare).ShouldBe((3, 24, 9, 0, 0));
        }

        foreach (var batch in world.Learner.Batches)
        {
            for (var question = 0; question < 3; question++)
            {
                batch.Sequences.Where(s => s.Question == question).Select(s => s.Id).ShouldBe(Expected(batch.Step, question));
            }

            batch.Sequences.ShouldAllBe(s => s.Weight == 1 / 24.0);
        }

        await ShouldBeBranchesAsync(cluster, world);
        (await cluster.Trajectories.ListAsync(World.Run, Phase.Train, 1, Token).CountAsync(Token)).ShouldBe(24, "the budget is N rollouts a question");
        cluster.Trajectories.Puts.ShouldBe(cluster.Trajectories.Count, "no episode twice");
        world.Engine.Status.Sessions.ShouldBe(0);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public async Task Trees_are_expanded_at_whole_turns_and_taught_by_tree_and_group(int silos)
    {
        var world = Trees();
        await using var cluster = await AxpoTestCluster.StartAsync(world.Services, o => o.Silos = (short)silos);

        var rows = await RunAsync(cluster);

        rows.Skip(1).ShouldAllBe(r => r.Train!.Rollouts == 18 && r.Train.Branches == 12);
        await ShouldBeBranchesAsync(cluster, world);
        var rule = new TreeExpansion(world.Configuration);
        var stored = await cluster.Trajectories.ListAsync(World.Run, Phase.Train, null, Token).ToDictionaryAsync(r => r.Id, cancellationToken: Token);
        foreach (var batch in world.Learner.Batches)
        {
            for (var question = 0; question < 3; question++)
            {
                EpisodeId[] roots = [World.Id(0, question, batch.Step), World.Id(1, question, batch.Step)];
                var members = batch.Sequences.Where(s => s.Question == question).ToArray();
                members.Select(s => s.Id).ShouldBe([.. roots, .. rule.Next([.. roots.Select(r => RolloutSummaries.Of(stored[r], null))], 0)!]);
                ScoredRollout[] scored = [.. members.Select(s => new ScoredRollout(0, stored[s.Id].Outcome == Outcome.Correct ? 1 : 0, 1, s.Id.Rollout))];
                var expected = new TreeAdvantage().Estimate(scored, world.Configuration.Objective).Select(a => a[0]);
                members.Select(s => s.Advantages[Array.LastIndexOf(s.IsLoss, true)]).ShouldBe(expected, 1e-12);
            }
        }
    }

    [Fact]
    public async Task Silos_change_nothing()
    {
        foreach (var make in new Func<World>[] { Arpo, Trees })
        {
            var runs = new List<string[]>();
            foreach (var silos in new short[] { 1, 3 })
            {
                await using var cluster = await AxpoTestCluster.StartAsync(make().Services, o => o.Silos = silos);
                await RunAsync(cluster);
                runs.Add(await World.StoredAsync(cluster));
            }

            runs[1].ShouldBe(runs[0]);
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task After_every_process_died_the_waves_come_out_as_they_would_have(bool trees)
    {
        var make = trees ? (Func<World>)Trees : Arpo;
        string[] uninterrupted;
        await using (var whole = await AxpoTestCluster.StartAsync(make().Services))
        {
            await RunAsync(whole);
            uninterrupted = await World.StoredAsync(whole);
        }

        // ARPO's second wave, Tree-GRPO's only one.
        var world = make();
        var first = await EveryProcess.DiesAsync(world, turn => turn.Episode is { Step: 2, Question: 1, Path.IsEmpty: false } id && (trees || id.Path.Branches.Length == 2), "the branches of step 2");

        var found = await first.Trajectories.ListAsync(World.Run, Phase.Train, 2, Token).Select(r => r.Id.ToString()).ToArrayAsync(Token);
        found.ShouldContain(World.Id(0, 1, 2).ToString());
        var again = make();
        again.Learner.Restore(world.Learner);

        await using var second = await AxpoTestCluster.StartAsync(again.Services, o => (o.Silos, o.After) = (2, first));
        var run = second.Grains.GetGrain<IRunGrain>(World.Run);
        await run.ResumeAsync();
        (await run.EndAsync()).Phase.ShouldBe(RunPhase.Done);

        (await World.StoredAsync(second)).ShouldBe(uninterrupted, "nothing is lost, nothing is there twice");
        again.Engine.Requests.ShouldNotContain(r => found.Contains(r.Session), "what was stored is found");
        again.Learner.Batches.ShouldHaveSingleItem().Step.ShouldBe(2);
    }

    [Fact]
    public async Task A_path_that_infrastructure_broke_branches_nowhere_and_is_in_no_statistics()
    {
        var world = Arpo(steps: 1);
        world.Tool.Gate = (call, _) => call.Session.EndsWith("/train/1/0/0", StringComparison.Ordinal) ? throw new ToolUnavailableException("backend down", isTransient: false) : Task.CompletedTask;
        await using var cluster = await AxpoTestCluster.StartAsync(world.Services, o => o.Pipelines["calc"] = p => p.BreakerMinimumCalls = 1000);

        var rows = await RunAsync(cluster);

        rows[1].Train!.VoidShare.ShouldBe(1 / 24.0);
        var batch = world.Learner.Batches.ShouldHaveSingleItem();
        batch.Sequences.Where(s => s.Question == 0).Select(s => s.Id).ShouldBe([.. Enumerable.Range(1, 6).Select(r => World.Id(r)), World.Id(3).Fork(_second)]);
        batch.Sequences.Where(s => s.Question == 1).Select(s => s.Id).ShouldBe(Expected(1, 1));
        cluster.Log.Drops(World.Run).Where(d => d.IsLast).ShouldHaveSingleItem().Episode.ShouldBe(World.Id());
    }

    [Fact]
    public async Task A_tree_whose_first_rollout_infrastructure_broke_gives_its_places_to_fresh_rollouts()
    {
        var world = Trees(steps: 1);
        world.Tool.Gate = (call, _) => call.Session.EndsWith("/train/1/0/0", StringComparison.Ordinal) ? throw new ToolUnavailableException("backend down", isTransient: false) : Task.CompletedTask;
        await using var cluster = await AxpoTestCluster.StartAsync(world.Services, o => o.Pipelines["calc"] = p => p.BreakerMinimumCalls = 1000);

        await RunAsync(cluster);

        var group = world.Learner.Batches.ShouldHaveSingleItem().Sequences.Where(s => s.Question == 0).Select(s => s.Id).ToArray();
        group.Take(3).ShouldBe([World.Id(1), World.Id(2), World.Id(3)]);
        group.Skip(3).Count().ShouldBe(2);
        group.Skip(3).ShouldAllBe(id => id.Parent == World.Id(1));
    }

    [Fact]
    public async Task A_run_that_paused_makes_its_groups_anew_around_what_was_void()
    {
        var undisturbed = Arpo(steps: 1);
        await using (var whole = await AxpoTestCluster.StartAsync(undisturbed.Services))
        {
            await RunAsync(whole);
        }

        var world = Arpo(steps: 1);
        world.Configuration = world.Configuration with { Rollouts = world.Configuration.Rollouts with { MaxVoidShare = .01 } };
        var isDown = true;
        world.Tool.Gate = (call, _) => isDown && call.Session.EndsWith("/train/1/0/0", StringComparison.Ordinal) ? throw new ToolUnavailableException("backend down", isTransient: false) : Task.CompletedTask;
        await using var cluster = await AxpoTestCluster.StartAsync(world.Services, o => o.Pipelines["calc"] = p => p.BreakerMinimumCalls = 1000);
        var run = cluster.Grains.GetGrain<IRunGrain>(World.Run);
        await run.StartAsync(new RunRequest());
        (await run.EndAsync()).Phase.ShouldBe(RunPhase.Paused);

        isDown = false;
        await run.ResumeAsync();
        var done = await run.EndAsync();

        done.Phase.ShouldBe(RunPhase.Done, done.Message);
        var (got, want) = (world.Learner.Batches.ShouldHaveSingleItem(), undisturbed.Learner.Batches.ShouldHaveSingleItem());
        got.Sequences.Select(s => s.Id).ShouldBe(want.Sequences.Select(s => s.Id));
        got.Sequences.SelectMany(s => s.Advantages).ShouldBe(want.Sequences.SelectMany(s => s.Advantages));
    }

    /// <summary>
    /// Entropy rises after the first result of rollout 0, after the second of rollout 3, and after the second of what branched off rollout 0; elsewhere it falls. The weight makes a
    /// certainty of either.
    /// </summary>
    private static World Arpo() => Arpo(2);

    private static World Arpo(int steps)
    {
        var world = new World(Script);
        world.Engine.Entropy = turn => (turn.Turn, turn.Episode.Rollout, turn.Episode.Path.ToString()) switch
        {
            (0, _, _) => 1,
            (1, 0, "") or (2, 3, "") or (2, 0, "t1r0") => 2,
            _ => .5f,
        };
        world.Configuration = AlgorithmPresets.Apply("arpo", world.Configuration) with { Steps = steps };
        world.Configuration = world.Configuration with
        {
            Rollouts = world.Configuration.Rollouts with { GroupSize = 8 },
            Branching = world.Configuration.Branching with { EntropyWeight = 1000 },
        };
        return world;
    }

    private static World Trees() => Trees(2);

    private static World Trees(int steps)
    {
        var world = new World(Script);
        world.Configuration = AlgorithmPresets.Apply("tree-grpo", world.Configuration) with { Steps = steps };
        return world;
    }

    /// <summary>Rollouts 0 and 3 call the tool twice, rollout 2 once; those that end with an odd k or number are right.</summary>
    private static string Script(ScriptedTurn turn)
    {
        var id = turn.Episode;
        var calls = id.Rollout switch { 0 or 3 => 2, 2 => 1, _ => 0 };
        return turn.Turn < calls
            ? $"<think>try {turn.Turn}</think>" + turn.Call("calc", $$"""{"x":"{{id.Path}} {{turn.Turn}}"}""")
            : "<think>so</think>" + ScriptedTurn.Answer((id.Rollout + id.Path.Branches.Sum(b => b.Boundary + b.K)) % 2 == 1 ? "7" : "8");
    }

    private static EpisodeId[] Expected(int step, int question) =>
    [
        .. Enumerable.Range(0, 5).Select(r => World.Id(r, question, step)),
        World.Id(0, question, step).Fork(_first), World.Id(3, question, step).Fork(_second), World.Id(0, question, step).Fork(_first).Fork(_second),
    ];

    /// <summary>Every branch begins with its source's tokens up to a turn, samples the rest itself, and carries loss on all that was sampled.</summary>
    private static async Task ShouldBeBranchesAsync(AxpoTestCluster cluster, World world)
    {
        var stored = await cluster.Trajectories.ListAsync(World.Run, Phase.Train, null, Token).ToDictionaryAsync(r => r.Id, cancellationToken: Token);
        foreach (var branch in stored.Values.Where(r => !r.Id.Path.IsEmpty))
        {
            var source = stored[branch.Id.Parent!];
            var turn = branch.Id.Path.Branches[^1].Boundary;
            var end = source.TurnStarts.ElementAt(turn);
            branch.Validate();
            branch.InheritedTokens.ShouldBe(end);
            branch.Tokens[..end].ShouldBe(source.Tokens[..end]);
            branch.LogProbs[..end].ShouldBe(source.LogProbs[..end]);
            branch.TurnStarts.Take(turn + 1).ShouldBe(source.TurnStarts.Take(turn + 1));
            branch.Turns.ShouldBe(branch.TurnStarts.Count());
            var first = world.Engine.Requests.First(r => r.Session == branch.Id.ToString());
            (first.ForkOf, first.Offset, first.Tokens.Length).ShouldBe((source.Id.ToString(), end, 0));
            first.Chance.ShouldNotBe(source.Id.Chance(world.Configuration.Seed));
        }

        var byId = world.Learner.Batches.SelectMany(b => b.Sequences).ToDictionary(s => s.Id);
        byId.Count.ShouldBe(stored.Count);
        byId.Values.ShouldAllBe(s => s.IsLoss.SequenceEqual(stored[s.Id].LogProbs.Select(l => !float.IsNaN(l))));
    }

    private static async Task<IReadOnlyList<MetricsRow>> RunAsync(AxpoTestCluster cluster)
    {
        var run = cluster.Grains.GetGrain<IRunGrain>(World.Run);
        await run.StartAsync(new RunRequest());
        var status = await run.EndAsync();
        status.Phase.ShouldBe(RunPhase.Done, status.Message);
        return await cluster.Log.ReadAsync(World.Run, Token);
    }
}
