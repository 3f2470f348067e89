namespace Axpo.Grains.Tests.Groups;

public sealed class GroupTests
{
    private static GroupRequest Request => new() { Samples = 4, Sampling = SamplingOptions.Training() };

    [Fact]
    public async Task One_slow_episode_holds_up_no_other()
    {
        var world = new World();
        var (slow, release) = (Waits.Signal(), Waits.Signal());
        world.Engine.Gate = async (turn, ct) =>
        {
            if (turn.Episode.Rollout == 2)
            {
                slow.TrySetResult(true);
                await release.Task.WaitAsync(ct);
            }
        };
        await using var cluster = await AxpoTestCluster.StartAsync(world.Services, o => o.Silos = 2);
        var stored = Waits.Signal();
        cluster.Journal.Appended = turn =>
        {
            if (turn.Episode.Rollout == 3 && turn.Stop == StopReason.StopToken)
            {
                stored.TrySetResult(true);
            }
        };
        var group = cluster.Grains.GetGrain<IGroupGrain>("r1/train/1/1");
        var all = group.EndAsync(Request);
        await slow.Task.Event("the slow episode");
        await stored.Task.Event("a later episode beside the slow one");

        (await group.StatusAsync()).Planned.ShouldBe(4);
        all.IsCompleted.ShouldBeFalse();
        var fast = await cluster.Grains.GetGrain<IEpisodeGrain>("r1/train/1/1/0").EndAsync(world.Request(1));
        fast.Outcome.ShouldBe(Outcome.Correct);
        release.SetResult(true);

        (await all).Rollouts.Select(r => r.Id.Rollout).ShouldBe([0, 1, 2, 3]);
    }

    [Fact]
    public async Task Starting_twice_is_the_same_as_once()
    {
        var world = new World();
        await using var cluster = await AxpoTestCluster.StartAsync(world.Services, o => o.Silos = 2);
        var group = cluster.Grains.GetGrain<IGroupGrain>("r1/train/1/0");

        await Task.WhenAll(group.StartAsync(Request), group.StartAsync(Request));
        var first = await group.EndAsync(Request);
        var second = await group.EndAsync(Request);

        second.Rollouts.Select(r => r.Id).ShouldBe(first.Rollouts.Select(r => r.Id));
        cluster.Trajectories.Puts.ShouldBe(4);
    }

    [Fact]
    public async Task Release_forgets_every_session_of_the_group()
    {
        var world = new World();
        await using var cluster = await AxpoTestCluster.StartAsync(world.Services);
        var group = cluster.Grains.GetGrain<IGroupGrain>("r1/train/1/0");
        await group.EndAsync(Request);
        world.Engine.Status.Sessions.ShouldBe(4);

        await group.ReleaseAsync();

        world.Engine.Status.Sessions.ShouldBe(0);
        world.Engine.Released.ShouldBe(["r1/train/1/0"]);
    }
}
