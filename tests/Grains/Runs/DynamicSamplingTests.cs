namespace Axpo.Grains.Tests.Runs;

public sealed class DynamicSamplingTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public async Task Groups_without_spread_give_their_places_to_fresh_questions(int silos)
    {
        var world = Spread([1, 4, 5], rounds: 2);
        await using var cluster = await AxpoTestCluster.StartAsync(world.Services, o => o.Silos = (short)silos);

        var train = await StepAsync(cluster);

        // Places 0 and 2 go to questions 3 and 4, then place 0 to question 5.
        (train.Replaced, train.WithoutSpread, train.Questions, train.Rollouts).ShouldBe((3, 0, 6, 24));
        train.Accuracy.ShouldBe((12 + 6) / 24.0, "replaced groups are in the rates");
        var batch = world.Learner.Batches.ShouldHaveSingleItem();
        batch.Questions.ShouldBe(3);
        batch.Sequences.Select(s => (s.Question, s.Id.Question)).Distinct().Order().ShouldBe([(0, 5), (1, 1), (2, 4)]);
        batch.Sequences.Count.ShouldBe(12);
        world.Engine.Released.Where(r => r.StartsWith("r1/train/1/", StringComparison.Ordinal)).Select(r => r[^1]).Order().ShouldBe(['0', '1', '2', '3', '4', '5']);
        world.Engine.Status.Sessions.ShouldBe(0);
        (await cluster.Grains.GetGrain<IRunGrain>(World.Run).StatusAsync()).Phase.ShouldBe(RunPhase.Done);
    }

    [Fact]
    public async Task What_has_no_spread_after_the_last_round_stays()
    {
        var world = Spread([1, 4], rounds: 1);
        await using var cluster = await AxpoTestCluster.StartAsync(world.Services);

        var train = await StepAsync(cluster);

        (train.Replaced, train.WithoutSpread, train.Questions).ShouldBe((2, 1, 5));
        world.Learner.Batches.ShouldHaveSingleItem().Sequences.Select(s => (s.Question, s.Id.Question)).Distinct().Order().ShouldBe([(0, 3), (1, 1), (2, 4)]);
    }

    [Fact]
    public async Task Nothing_is_replaced_without_it_but_counted()
    {
        var world = Spread([1], rounds: 0);
        await using var cluster = await AxpoTestCluster.StartAsync(world.Services);

        var train = await StepAsync(cluster);

        (train.Replaced, train.WithoutSpread, train.Questions, train.Rollouts).ShouldBe((0, 2, 3, 12));
    }

    [Fact]
    public async Task It_goes_on_with_the_same_questions_after_every_process_died()
    {
        var whole = Spread([1, 4, 5], rounds: 2);
        await using (var cluster = await AxpoTestCluster.StartAsync(whole.Services))
        {
            await StepAsync(cluster);
        }

        var world = Spread([1, 4, 5], rounds: 2);
        var first = await EveryProcess.DiesAsync(world, turn => turn.Episode is { Phase: Phase.Train, Question: 5, Rollout: 3 }, "the second round");

        var again = Spread([1, 4, 5], rounds: 2);
        await using var second = await AxpoTestCluster.StartAsync(again.Services, o => (o.Silos, o.After) = (2, first));
        var run = second.Grains.GetGrain<IRunGrain>(World.Run);
        await run.ResumeAsync();
        var status = await run.EndAsync();

        status.Phase.ShouldBe(RunPhase.Done, status.Message);
        Lines(again).ShouldBe(Lines(whole));

        static string[] Lines(World world) => [.. world.Learner.Batches.Single().Sequences.Select(s => $"{s.Id} {s.Question} {s.Weight} {string.Join(',', s.Advantages)}")];
    }

    /// <summary>Batches of 3 questions, of which those named have a right and a wrong half; the others are right throughout.</summary>
    private static World Spread(int[] withSpread, int rounds)
    {
        var world = new World(turn => ScriptedTurn.Answer(withSpread.Contains(turn.Episode.Question) && turn.Episode.Rollout % 2 == 0 ? "8" : "7"), questions: 3 * (1 + rounds));
        world.Configuration = world.Configuration with
        {
            Steps = 1,
            Resample = new ResampleOptions { Enabled = false },
            Rollouts = world.Configuration.Rollouts with { Questions = 3, DynamicSampling = rounds },
            Evaluation = new EvaluationOptions { Every = 0, Samples = 1 },
        };
        return world;
    }

    private static async Task<RolloutMetrics> StepAsync(AxpoTestCluster cluster)
    {
        var run = cluster.Grains.GetGrain<IRunGrain>(World.Run);
        await run.StartAsync(new RunRequest());
        var status = await run.EndAsync();
        status.Phase.ShouldBe(RunPhase.Done, status.Message);
        return (await cluster.Log.ReadAsync(World.Run, Token))[1].Train!;
    }
}
