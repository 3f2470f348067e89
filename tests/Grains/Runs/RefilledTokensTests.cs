namespace Axpo.Grains.Tests.Runs;

public sealed class RefilledTokensTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task A_row_holds_what_the_engine_computed_again_since_the_row_before(int silos)
    {
        World world = null!;
        world = new World(turn =>
        {
            // The first turn of rollout 1 of each question of step 2 costs seven tokens.
            if (turn is { Episode: { Step: 2, Phase: Phase.Train, Rollout: 1, Path.IsEmpty: true }, Turn: 0 })
            {
                lock (world)
                {
                    world.Engine.RefilledTokens += 7;
                }
            }

            return World.Default(turn);
        });
        world.Engine.RefilledTokens = 1000;
        await using var cluster = await AxpoTestCluster.StartAsync(world.Services, o => o.Silos = (short)silos);
        var run = cluster.Grains.GetGrain<IRunGrain>(World.Run);
        await run.StartAsync(new RunRequest());
        (await run.EndAsync()).Phase.ShouldBe(RunPhase.Done);
        var rows = await cluster.Log.ReadAsync(World.Run, Token);
        rows.Select(r => r.Timing!.RefilledTokens).Skip(1).ShouldBe([0, 21]);
    }
}
