namespace Axpo.Grains.Tests.Episodes;

/// <summary>Images travel with the tokens that stand for them: from the question, from tools, into continuations, to other engines, and to tools that are called again.</summary>
public sealed class ImageEpisodeTests
{
    private const int Part = 3;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_question_and_a_tool_show_images(bool isStateful)
    {
        var world = Zooming(isStateful);
        await using var cluster = await AxpoTestCluster.StartAsync(world.Services, o => o.Silos = 2);

        var summary = await EndAsync(cluster, World.Id());

        summary.Outcome.ShouldBe(Outcome.Correct);
        var rollout = (await cluster.Trajectories.GetAsync([World.Id()], Token))[0];
        rollout.Validate();
        rollout.Images.Select(i => i.Image.Uri).ShouldBe(["canvas", "crop of 1", "crop of 2"]);
        rollout.Images.ShouldAllBe(i => i.Length == Part && rollout.Tokens.Skip(i.Start).Take(Part).All(t => t == ScriptedChatFormat.ImagePart));
        rollout.Tokens.Count(t => t == ScriptedChatFormat.ImagePart).ShouldBe(3 * Part);
        rollout.Segments.Where(s => s.Kind == SegmentKind.Observation).Count(s => rollout.Images.Any(i => s.Start <= i.Start && i.End <= s.End)).ShouldBe(2);
        // A tool is told what had been seen when it was called; an engine each image once, beside its tokens.
        world.Tool.Calls.Select(c => string.Join(", ", c.Images.Select(i => i.Uri))).ShouldBe(["canvas", "canvas, crop of 1"]);
        world.Engine.Requests.Select(r => string.Join(", ", r.Images.Select(i => i.Image.Uri))).ShouldBe(["canvas", "crop of 1", "crop of 2"]);
        world.Engine.Requests.SelectMany(r => r.Images).ShouldBe(rollout.Images);
    }

    [Fact]
    public async Task A_lost_session_is_sent_again_with_all_its_images()
    {
        var world = Zooming();
        world.Tool.Gate = (_, _) =>
        {
            world.Engine.Evict();
            return Task.CompletedTask;
        };
        await using var cluster = await AxpoTestCluster.StartAsync(world.Services);

        (await EndAsync(cluster, World.Id())).Outcome.ShouldBe(Outcome.Correct);

        world.Engine.Requests.Select(r => (r.Offset == 0, r.Images.Length)).ShouldBe([(true, 1), (false, 1), (true, 2), (false, 1), (true, 3)]);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_continuation_has_the_images_of_its_prefix_and_its_tools_saw_what_they_had_seen(bool evict)
    {
        var world = Zooming();
        await using var cluster = await AxpoTestCluster.StartAsync(world.Services, o => o.Silos = 2);
        await EndAsync(cluster, World.Id());
        if (evict)
        {
            world.Engine.Evict();
        }

        var id = World.Id().Fork(1, 1);
        await EndAsync(cluster, id);

        var fork = (await cluster.Trajectories.GetAsync([id], Token))[0];
        fork.Validate();
        fork.Images.Select(i => i.Image.Uri).ShouldBe(["canvas", "crop of 1", "crop of 2"]);
        fork.Images.Count(i => i.End <= fork.InheritedTokens).ShouldBe(2);
        // The source's first call is played again with what it had seen, and gives the same image.
        world.Tool.Calls.Where(c => c.Session == $"calc/{id}").Select(c => (c.Index, c.Images.Count)).ShouldBe([(0, 1), (1, 2)]);
        var requests = world.Engine.Requests.Where(r => r.Session == id.ToString()).ToArray();
        requests.Select(r => r.Images.Length).ShouldBe(evict ? [0, 2, 1] : [0, 1]);
    }

    [Fact]
    public async Task Another_image_in_a_replay_is_a_divergence()
    {
        var plays = 0;
        var world = Zooming(answer: call => new ToolResult("a crop") { Images = [Image($"crop {Interlocked.Increment(ref plays)}")] });
        await using var cluster = await AxpoTestCluster.StartAsync(world.Services);
        await EndAsync(cluster, World.Id());

        var summary = await EndAsync(cluster, World.Id().Fork(1, 1));

        (summary.Outcome, summary.Cause).ShouldBe((Outcome.Void, VoidCause.ReplayDiverged));
    }

    [Fact]
    public async Task An_image_that_cannot_be_read_is_nobodys_mistake()
    {
        var world = Zooming(images: _ => throw new IOException("the disk is away"));
        await using var cluster = await AxpoTestCluster.StartAsync(world.Services);

        var summary = await EndAsync(cluster, World.Id());

        (summary.Outcome, summary.Cause).ShouldBe((Outcome.Void, VoidCause.StorageFault));
        summary.Detail.ShouldNotBeNull().ShouldContain("the disk is away");
    }

    [Fact]
    public async Task Images_for_a_policy_that_reads_text_only_are_the_configurations_mistake()
    {
        var world = Zooming();
        world.Services.Chat = new ScriptedChatFormat();
        await using var cluster = await AxpoTestCluster.StartAsync(world.Services);

        var summary = await cluster.Grains.GetGrain<IEpisodeGrain>(World.Id().ToString()).EndAsync(world.Request());

        (summary.Outcome, summary.Cause).ShouldBe((Outcome.Void, VoidCause.ToolUnavailable));
        summary.Detail.ShouldNotBeNull().ShouldContain("reads text only");
    }

    private static World Zooming(bool isStateful = true, Func<FakeToolCall, ToolResult>? answer = null, Func<Question, IReadOnlyList<ImageRef>>? images = null)
    {
        var world = new World(
            turn => turn.Turn < 2 ? (turn.IsContinuation && turn.Turn == 1 ? "" : "<think>zoom</think>") + turn.Call("calc", $$"""{"x":"{{turn.Turn}}"}""") : ScriptedTurn.Answer("7"),
            answer ?? (call => new ToolResult("a crop") { Images = [Image($"crop of {call.Images.Count}")] }),
            isStateful: isStateful,
            images: images ?? (question => [.. question.Images.Select(Image)]));
        world.Services.Chat = new ScriptedChatFormat(Part);
        return world;
    }

    private static Task<RolloutSummary> EndAsync(AxpoTestCluster cluster, EpisodeId id) => cluster.Grains.GetGrain<IEpisodeGrain>(id.ToString()).EndAsync(new EpisodeRequest
    {
        Question = World.Ask(0) with { Images = ["canvas"] },
        Sampling = SamplingOptions.Training(),
    });

    private static ImageRef Image(string name) => new(name, name, 8, 8);
}
