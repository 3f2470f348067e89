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
        summary.Detail.ShouldNotBeNull().ShouldContain("'a crop' with image crop 1 was recorded");
    }

    [Fact]
    public async Task A_session_that_broke_is_built_again_by_its_calls_with_what_each_had_seen()
    {
        var world = Zooming();
        var broken = 0;
        world.Tool.Gate = (call, _) =>
        {
            if (call.Index == 1 && Interlocked.Increment(ref broken) == 1)
            {
                world.Tool.FailNext(1);
            }

            return Task.CompletedTask;
        };
        await using var cluster = await AxpoTestCluster.StartAsync(world.Services, o => o.Pipelines["calc"] = p => p.RetryDelaySeconds = 0);

        var summary = await EndAsync(cluster, World.Id());

        (summary.Outcome, summary.Attempts).ShouldBe((Outcome.Correct, 1));
        world.Tool.Calls.Select(c => string.Join(", ", c.Images.Select(i => i.Uri))).ShouldBe(["canvas", "canvas, crop of 1", "canvas", "canvas, crop of 1"]);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task An_episode_whose_silo_died_goes_on_with_the_images_of_its_journal(bool isStateful)
    {
        var world = Zooming(isStateful);
        var reached = Waits.Signal();
        world.Engine.Gate = async (turn, _) =>
        {
            if (turn.Turn == 1)
            {
                reached.TrySetResult(true);
                await Task.Delay(Timeout.Infinite, Token);
            }
        };
        var first = await AxpoTestCluster.StartAsync(world.Services);
        await first.Grains.GetGrain<IEpisodeGrain>(World.Id().ToString()).StartAsync(Request());
        await reached.Task.Event("the second turn");
        await first.Cluster.KillSiloAsync(first.Cluster.Silos[0]);

        var again = Zooming(isStateful);
        await using var second = await AxpoTestCluster.StartAsync(again.Services, o => o.After = first);
        var summary = await second.Grains.GetGrain<IEpisodeGrain>(World.Id().ToString()).EndAsync(Request() with { Resume = true });

        (summary.Outcome, summary.Attempts).ShouldBe((Outcome.Correct, 1));
        (await second.Trajectories.GetAsync([World.Id()], Token))[0].Images.Select(i => i.Image.Uri).ShouldBe(["canvas", "crop of 1", "crop of 2"]);
        again.Engine.Requests.Select(r => (r.Offset == 0, r.Images.Length)).ShouldBe([(true, 2), (false, 1)], "another engine is sent everything");
        again.Tool.Calls.Select(c => c.Images.Count).ShouldBe(isStateful ? [1, 2] : [2], "a stateful tool is told again what it was told");
    }

    [Fact]
    public async Task An_image_of_a_tool_that_cannot_be_shown_is_the_tools_fault()
    {
        var world = Zooming(answer: _ => new ToolResult("a crop") { Images = [new ImageRef("thread", "thread", 1000, 1)] });
        world.Services.Chat = new PickyChatFormat();
        await using var cluster = await AxpoTestCluster.StartAsync(world.Services);

        var summary = await EndAsync(cluster, World.Id());

        (summary.Outcome, summary.Cause).ShouldBe((Outcome.Void, VoidCause.ToolUnavailable));
        summary.Detail.ShouldNotBeNull().ShouldContain("tool 'calc' answered with an image that this policy cannot be shown: 1000 x 1 pixels are too thin");
    }

    [Fact]
    public async Task An_image_of_a_question_that_cannot_be_shown_is_nobodys_mistake()
    {
        var world = Zooming(images: question => [.. question.Images.Select(source => new ImageRef(source, source, 1, 1000))]);
        world.Services.Chat = new PickyChatFormat();
        await using var cluster = await AxpoTestCluster.StartAsync(world.Services);

        var summary = await EndAsync(cluster, World.Id());

        (summary.Outcome, summary.Cause).ShouldBe((Outcome.Void, VoidCause.StorageFault));
        summary.Detail.ShouldNotBeNull().ShouldContain("question q0 cannot be shown to this policy: 1 x 1000 pixels are too thin");
    }

    [Fact]
    public async Task A_tool_that_floods_with_images_is_Void()
    {
        var world = Zooming(answer: _ => new ToolResult("crops") { Images = [.. Enumerable.Range(0, 1000).Select(i => Image(new string('c', 100)))] });
        await using var cluster = await AxpoTestCluster.StartAsync(world.Services);

        var summary = await EndAsync(cluster, World.Id());

        (summary.Outcome, summary.Cause).ShouldBe((Outcome.Void, VoidCause.ToolUnavailable));
        summary.Detail.ShouldNotBeNull().ShouldContain("it answered 200005 bytes, its pipeline takes 60000");
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

    private static Task<RolloutSummary> EndAsync(AxpoTestCluster cluster, EpisodeId id) => cluster.Grains.GetGrain<IEpisodeGrain>(id.ToString()).EndAsync(Request());

    private static EpisodeRequest Request() => new()
    {
        Question = World.Ask(0) with { Images = ["canvas"] },
        Sampling = SamplingOptions.Training(),
    };

    private static ImageRef Image(string name) => new(name, name, 8, 8);

    /// <summary>Refuses thin images, as formats do whose models cut images into patches.</summary>
    private sealed class PickyChatFormat : IChatFormat
    {
        private readonly ScriptedChatFormat _inner = new(Part);

        public int VocabularySize => _inner.VocabularySize;

        public int[] StopTokens => _inner.StopTokens;

        public bool SeesImages => true;

        public EncodedPiece EncodePrompt(Question question, IReadOnlyList<ToolSpec> tools, IReadOnlyList<ImageRef>? images = null) => _inner.EncodePrompt(question, tools, Shown(images ?? []));

        public EncodedPiece EncodeObservation(string toolName, ToolResult result, bool turnIsClosed) => _inner.EncodeObservation(toolName, result with { Images = [.. Shown(result.Images)] }, turnIsClosed);

        public ParsedTurn ParseTurn(ReadOnlySpan<int> prefix, ReadOnlySpan<int> tokens) => _inner.ParseTurn(prefix, tokens);

        public EncodedPiece EncodeTrace(TeacherTrace trace, IReadOnlyList<ToolSpec> tools, IReadOnlyList<IReadOnlyList<ImageRef>>? images = null) => _inner.EncodeTrace(trace, tools, images);

        public string Decode(ReadOnlySpan<int> tokens) => _inner.Decode(tokens);

        private static IReadOnlyList<ImageRef> Shown(IReadOnlyList<ImageRef> images) =>
            images.FirstOrDefault(i => Math.Max(i.Width, i.Height) > 200 * Math.Min(i.Width, i.Height)) is { } thin ? throw new InvalidDataException($"{thin.Width} x {thin.Height} pixels are too thin") : images;
    }
}
