using Microsoft.Extensions.Time.Testing;

namespace Axpo.Grains.Tests.Episodes;

public sealed class EpisodeTests
{
    private static readonly ScriptedChatFormat Chat = new();

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Turns_carry_only_new_tokens_and_every_token_has_its_segment()
    {
        var world = new World(turn => turn.Turn < 2
            ? $"<think>try {turn.Turn}</think>" + turn.Call("calc", $$"""{"x":"{{turn.Turn}}"}""")
            : ScriptedTurn.Answer("7"));
        await using var cluster = await AxpoTestCluster.StartAsync(world.Services);

        var summary = await cluster.Grains.GetGrain<IEpisodeGrain>(World.Id().ToString()).EndAsync(world.Request());

        summary.Outcome.ShouldBe(Outcome.Correct);
        summary.Turns.ShouldBe(3);
        var rollout = (await cluster.Trajectories.GetAsync([World.Id()], Token))[0];
        rollout.Validate();
        Chat.Decode(rollout.Tokens).ShouldBe(
            "<user>question 0</user>"
            + "<think>try 0</think><tool_call>{\"name\":\"calc\",\"arguments\":{\"x\":\"0\"}}</tool_call><tool_response>0:{\"x\":\"0\"}</tool_response>"
            + "<think>try 1</think><tool_call>{\"name\":\"calc\",\"arguments\":{\"x\":\"1\"}}</tool_call><tool_response>1:{\"x\":\"1\"}</tool_response>"
            + "<answer>\\boxed{7}</answer><end>");
        rollout.Calls.Select(c => (c.Turn, c.Name, c.Observation, c.IsError)).ShouldBe([(0, "calc", "0:{\"x\":\"0\"}", false), (1, "calc", "1:{\"x\":\"1\"}", false)]);
        rollout.Calls.ShouldAllBe(c => rollout.Tokens[c.Start] == ScriptedChatFormat.CallOpen && rollout.Tokens[c.End - 1] == ScriptedChatFormat.CallClose && c.PrefixEnd == c.Start + 1);
        var requests = world.Engine.Requests.ToArray();
        requests.Select(r => r.Tokens.Length).Sum().ShouldBe(rollout.Segments.Where(s => !s.IsSampled).Sum(s => s.Length), "only unsampled tokens travel, each once");
        requests.Select(r => r.Chance).Distinct().ShouldHaveSingleItem().ShouldBe(World.Id().Chance(world.Configuration.Seed));
    }

    [Fact]
    public async Task A_lost_session_is_sent_whole_again()
    {
        var world = new World(turn => turn.Turn == 0 ? turn.Call("calc", "{}") : ScriptedTurn.Answer("7"));
        world.Tool.Gate = (_, _) =>
        {
            world.Engine.Evict();
            return Task.CompletedTask;
        };
        await using var cluster = await AxpoTestCluster.StartAsync(world.Services);

        var summary = await cluster.Grains.GetGrain<IEpisodeGrain>(World.Id().ToString()).EndAsync(world.Request());

        summary.Outcome.ShouldBe(Outcome.Correct);
        summary.Attempts.ShouldBe(1);
        world.Engine.Requests.Select(r => r.Offset == 0).ShouldBe([true, false, true]);
    }

    [Theory]
    [InlineData("<answer>\\boxed{8}</answer><end>", EndReason.Answered)]
    [InlineData("<answer>7</answer><end>", EndReason.Answered)]
    [InlineData("no answer<end>", EndReason.Answered)]
    [InlineData("<tool_call>{\"name\":\"calc\"<end>", EndReason.Answered)]
    [InlineData("<answer>\\boxed{7}</answer> and on and on and on and on and on and on", EndReason.TokenLimit)]
    [InlineData("<tool_call>{\"name\":\"calc\",\"arguments\":{\"x\":\"and on and on and on and on\"}}</tool_call>", EndReason.TokenLimit)]
    [InlineData("<tool_call>{\"name\":\"calc\",\"arguments\":{}}</tool_call>", EndReason.TurnLimit)]
    [InlineData("<tool_call>not json</tool_call>", EndReason.TurnLimit)]
    [InlineData("<tool_call>{\"name\":\"other\",\"arguments\":{}}</tool_call>", EndReason.TurnLimit)]
    public async Task What_the_policy_did_wrong_is_Wrong_and_never_Void(string turn, EndReason end)
    {
        var world = new World(_ => turn);
        world.Configuration = world.Configuration with { Rollouts = world.Configuration.Rollouts with { MaxTurnTokens = 52 } };
        await using var cluster = await AxpoTestCluster.StartAsync(world.Services);

        var summary = await cluster.Grains.GetGrain<IEpisodeGrain>(World.Id().ToString()).EndAsync(world.Request());

        summary.Outcome.ShouldBe(Outcome.Wrong);
        summary.End.ShouldBe(end);
        summary.Attempts.ShouldBe(1);
    }

    [Fact]
    public async Task Bad_calls_come_back_as_error_observations_and_the_episode_goes_on()
    {
        var world = new World(turn => turn.Turn switch
        {
            0 => "<tool_call>not json</tool_call>",
            1 => turn.Call("other", "{}"),
            _ => ScriptedTurn.Answer("7"),
        });
        await using var cluster = await AxpoTestCluster.StartAsync(world.Services);

        var summary = await cluster.Grains.GetGrain<IEpisodeGrain>(World.Id().ToString()).EndAsync(world.Request());

        summary.Outcome.ShouldBe(Outcome.Correct);
        summary.CallErrors.ShouldBe([true, true]);
        var rollout = (await cluster.Trajectories.GetAsync([World.Id()], Token))[0];
        rollout.Calls[1].Observation.ShouldNotBeNull().ShouldContain("unknown tool 'other'");
        world.Tool.Calls.ShouldBeEmpty();
    }

    [Fact]
    public async Task An_orphan_closing_tag_is_text_and_the_turn_goes_on()
    {
        var world = new World(turn => turn.Context.EndsWith("</tool_call>", StringComparison.Ordinal) ? ScriptedTurn.Answer("7") : "<think>oh</tool_call>");
        await using var cluster = await AxpoTestCluster.StartAsync(world.Services);

        var summary = await cluster.Grains.GetGrain<IEpisodeGrain>(World.Id().ToString()).EndAsync(world.Request());

        summary.Outcome.ShouldBe(Outcome.Correct);
        summary.Turns.ShouldBe(1);
        summary.IsToolUsing.ShouldBeFalse();
    }

    [Fact]
    public async Task An_engine_fault_is_retried_with_the_same_chance_and_only_then_Void()
    {
        var faults = 2;
        var world = new World(_ => Interlocked.Decrement(ref faults) >= 0 ? throw new ScriptedFaultException(GenerateStatus.Fault, "out of memory") : ScriptedTurn.Answer("7"));
        await using var cluster = await AxpoTestCluster.StartAsync(world.Services);

        var mended = await cluster.Grains.GetGrain<IEpisodeGrain>(World.Id(0).ToString()).EndAsync(world.Request());
        mended.Outcome.ShouldBe(Outcome.Correct);
        mended.Attempts.ShouldBe(3);
        world.Engine.Requests.Select(r => r.Chance).Distinct().ShouldHaveSingleItem("attempts are never part of chance");

        faults = 3;
        var lost = await cluster.Grains.GetGrain<IEpisodeGrain>(World.Id(1).ToString()).EndAsync(world.Request());
        lost.Outcome.ShouldBe(Outcome.Void);
        lost.Cause.ShouldBe(VoidCause.EngineFault);
        lost.Detail.ShouldNotBeNull().ShouldContain("out of memory");
        lost.Attempts.ShouldBe(3);
    }

    [Fact]
    public async Task A_verifier_that_crashes_makes_the_episode_Void()
    {
        var world = new World(_ => ScriptedTurn.Answer("7"));
        world.Services.Verifiers["exact"] = new BrokenVerifier();
        await using var cluster = await AxpoTestCluster.StartAsync(world.Services);

        var summary = await cluster.Grains.GetGrain<IEpisodeGrain>(World.Id().ToString()).EndAsync(world.Request());

        (summary.Outcome, summary.Cause).ShouldBe((Outcome.Void, VoidCause.VerifierFault));
    }

    [Fact]
    public async Task A_journal_that_fails_makes_the_episode_Void()
    {
        var world = new World();
        await using var cluster = await AxpoTestCluster.StartAsync(world.Services);
        cluster.Journal.Outage = new IOException("disk full");

        var summary = await cluster.Grains.GetGrain<IEpisodeGrain>(World.Id().ToString()).EndAsync(world.Request());

        (summary.Outcome, summary.Cause).ShouldBe((Outcome.Void, VoidCause.StorageFault));
    }

    [Fact]
    public async Task A_deadline_that_passes_is_Void_and_never_Wrong()
    {
        var time = new FakeTimeProvider();
        var world = new World();
        world.Configuration = world.Configuration with { Rollouts = world.Configuration.Rollouts with { DeadlineSeconds = 5, Attempts = 1 } };
        var reached = Waits.Signal();
        world.Engine.Gate = async (_, ct) =>
        {
            reached.TrySetResult(true);
            await Task.Delay(Timeout.Infinite, ct);
        };
        await using var cluster = await AxpoTestCluster.StartAsync(world.Services, o => o.Time = time);
        var episode = cluster.Grains.GetGrain<IEpisodeGrain>(World.Id().ToString());
        await episode.StartAsync(world.Request());
        await reached.Task.Event("the generation");

        time.Advance(TimeSpan.FromSeconds(6));
        var answer = await episode.WaitAsync(TimeSpan.FromSeconds(10));

        answer.State.ShouldBe(OperationState.Done);
        (answer.Result!.Outcome, answer.Result.Cause).ShouldBe((Outcome.Void, VoidCause.EpisodeDeadline));
    }

    [Fact]
    public async Task An_episode_started_again_while_its_cancelled_self_unwinds_ends_as_itself()
    {
        // Many at once: whichever of them is caught in the middle of unwinding must not hand its end on.
        const int Many = 40;
        var world = new World(_ => ScriptedTurn.Answer("7"));
        var (held, reached) = (0, Waits.Signal());
        world.Engine.Gate = async (_, ct) =>
        {
            if (Interlocked.Increment(ref held) <= Many)
            {
                if (Volatile.Read(ref held) == Many)
                {
                    reached.TrySetResult(true);
                }

                await Task.Delay(Timeout.Infinite, ct);
            }
        };
        await using var cluster = await AxpoTestCluster.StartAsync(world.Services, o => o.Silos = 2);
        IEpisodeGrain[] episodes = [.. Enumerable.Range(0, Many).Select(r => cluster.Grains.GetGrain<IEpisodeGrain>(World.Id(r).ToString()))];
        await Task.WhenAll(episodes.Select(e => e.StartAsync(world.Request())));
        await reached.Task.Event("all generations");

        var ends = await Task.WhenAll(episodes.Select(async e =>
        {
            await e.CancelAsync();
            return await e.EndAsync(world.Request(resume: true));
        }));

        ends.Select(e => e.Cause).ShouldAllBe(c => c == VoidCause.None);
        cluster.Trajectories.Puts.ShouldBe(Many);
    }

    [Fact]
    public async Task Start_and_Wait_delivered_twice_change_nothing()
    {
        var world = new World(_ => ScriptedTurn.Answer("7"));
        await using var cluster = await AxpoTestCluster.StartAsync(world.Services, o => o.Silos = 2);
        var episode = cluster.Grains.GetGrain<IEpisodeGrain>(World.Id().ToString());

        await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => episode.StartAsync(world.Request())));
        var first = await episode.EndAsync(world.Request());
        var second = await episode.EndAsync(world.Request() with { Resume = true });

        second.Id.ShouldBe(first.Id);
        second.Stored.ShouldBe(first.Stored);
        world.Engine.Requests.Count.ShouldBe(1);
        cluster.Trajectories.Count.ShouldBe(1);
    }

    [Fact]
    public async Task A_rebuilt_episode_replays_its_tool_calls_and_redoes_at_most_one_turn()
    {
        static string Script(ScriptedTurn turn) => turn.Turn < 2 ? turn.Call("calc", $$"""{"x":"{{turn.Turn}}"}""") : ScriptedTurn.Answer("7");
        var world = new World(Script);
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
        await first.Grains.GetGrain<IEpisodeGrain>(World.Id().ToString()).StartAsync(world.Request());
        await reached.Task.Event("the second turn");
        await first.Cluster.KillSiloAsync(first.Cluster.Silos[0]);

        var again = new World(Script);
        await using var second = await AxpoTestCluster.StartAsync(again.Services, o => o.After = first);
        var summary = await second.Grains.GetGrain<IEpisodeGrain>(World.Id().ToString()).EndAsync(again.Request(resume: true));

        summary.Outcome.ShouldBe(Outcome.Correct);
        summary.Attempts.ShouldBe(1);
        summary.Turns.ShouldBe(3);
        again.Engine.Requests.Count.ShouldBe(2, "the first turn comes from the journal");
        again.Tool.Calls.Select(c => c.Arguments).ShouldBe(["{\"x\":\"0\"}", "{\"x\":\"1\"}"], "the recorded call is replayed in the fresh session");
        again.Tool.Calls.Select(c => c.Chance).Distinct().ShouldHaveSingleItem();
    }

    [Fact]
    public async Task A_replay_that_differs_voids_the_attempt_and_the_episode_starts_anew()
    {
        static string Script(ScriptedTurn turn) => turn.Turn < 2 ? turn.Call("calc", "{}") : ScriptedTurn.Answer("7");
        var world = new World(Script, _ => new ToolResult("first"));
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
        await first.Grains.GetGrain<IEpisodeGrain>(World.Id().ToString()).StartAsync(world.Request());
        await reached.Task.Event("the second turn");
        await first.Cluster.KillSiloAsync(first.Cluster.Silos[0]);

        var again = new World(Script, _ => new ToolResult("second"));
        await using var second = await AxpoTestCluster.StartAsync(again.Services, o => o.After = first);
        var summary = await second.Grains.GetGrain<IEpisodeGrain>(World.Id().ToString()).EndAsync(again.Request(resume: true));

        summary.Outcome.ShouldBe(Outcome.Correct);
        summary.Attempts.ShouldBe(2);
        var rollout = (await second.Trajectories.GetAsync([World.Id()], Token))[0];
        rollout.Calls.ShouldAllBe(c => c.Observation == "second");
    }

    private sealed class BrokenVerifier : IVerifier
    {
        public string Name => "exact";

        public ValueTask<Verdict> VerifyAsync(Question question, string answer, CancellationToken cancellationToken) => throw new InvalidOperationException("broken");
    }
}
