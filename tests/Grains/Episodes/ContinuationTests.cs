namespace Axpo.Grains.Tests.Episodes;

public sealed class ContinuationTests
{
    private static readonly ScriptedChatFormat Chat = new();

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(0, false)]
    [InlineData(1, false)]
    [InlineData(1, true)]
    public async Task A_continuation_shares_its_source_to_the_end_of_the_opening_tag_token_by_token(int boundary, bool evict)
    {
        var world = new World(Script);
        await using var cluster = await AxpoTestCluster.StartAsync(world.Services, o => o.Silos = 2);
        await cluster.Grains.GetGrain<IEpisodeGrain>(World.Id().ToString()).EndAsync(world.Request());
        if (evict)
        {
            world.Engine.Evict();
        }

        var id = World.Id().Fork(boundary, 1);
        var summary = await cluster.Grains.GetGrain<IEpisodeGrain>(id.ToString()).EndAsync(world.Request());

        summary.Outcome.ShouldBe(Outcome.Correct);
        var stored = await cluster.Trajectories.GetAsync([World.Id(), id], Token);
        var (source, fork) = (stored[0], stored[1]);
        var end = source.Calls[boundary].PrefixEnd;
        fork.InheritedTokens.ShouldBe(end);
        fork.Tokens[..end].ShouldBe(source.Tokens[..end]);
        fork.LogProbs[..end].ShouldBe(source.LogProbs[..end]);
        fork.Tokens[end - 1].ShouldBe(ScriptedChatFormat.CallOpen);
        fork.Calls.Length.ShouldBe(2, "calls before the boundary are inherited");
        fork.Calls[boundary].Start.ShouldBe(source.Calls[boundary].Start);
        Chat.Decode(fork.Tokens.AsSpan(fork.Calls[boundary].Start, fork.Calls[boundary].End - fork.Calls[boundary].Start))
            .ShouldBe($$$"""<tool_call>{"name":"calc","arguments":{"x":"{{{id.Path}}}"}}</tool_call>""");
        fork.Calls[boundary].Turn.ShouldBe(boundary);
        fork.Turns.ShouldBe(3);
        fork.Validate();
        fork.Segments.Single(s => s.Kind == SegmentKind.ToolCall && s.Start == source.Calls[boundary].Start).End.ShouldBe(fork.Calls[boundary].End);
        var first = world.Engine.Requests.First(r => r.Session == id.ToString());
        (first.ForkOf, first.Offset, first.Tokens.Length).ShouldBe((World.Id().ToString(), end, 0));
        first.Chance.ShouldBe(id.Chance(world.Configuration.Seed));
        first.Chance.ShouldNotBe(World.Id().Chance(world.Configuration.Seed));
        if (boundary == 1)
        {
            world.Tool.Calls.Where(c => c.Session == $"calc/{id}").Select(c => (c.Index, c.Arguments)).ShouldBe(
                [(0, "{\"x\":\"0\"}"), (1, $$"""{"x":"{{id.Path}}"}""")], "the source's first call is replayed in the continuation's own session");
        }
    }

    [Fact]
    public async Task A_continuation_of_a_continuation_keeps_the_whole_path()
    {
        var world = new World(Script);
        await using var cluster = await AxpoTestCluster.StartAsync(world.Services);
        var (a, b) = (World.Id().Fork(0, 1), World.Id().Fork(0, 1).Fork(1, 0));
        await cluster.Grains.GetGrain<IEpisodeGrain>(World.Id().ToString()).EndAsync(world.Request());
        await cluster.Grains.GetGrain<IEpisodeGrain>(a.ToString()).EndAsync(world.Request());
        await cluster.Grains.GetGrain<IEpisodeGrain>(b.ToString()).EndAsync(world.Request());

        var stored = await cluster.Trajectories.GetAsync([a, b], Token);
        var end = stored[0].Calls[1].PrefixEnd;
        stored[1].InheritedTokens.ShouldBe(end);
        stored[1].Tokens[..end].ShouldBe(stored[0].Tokens[..end]);
        stored[1].Calls[0].ShouldBe(stored[0].Calls[0]);
    }

    // Two calls, then the answer. The call of a continuation names its path.
    private static string Script(ScriptedTurn turn)
    {
        var think = turn.IsContinuation ? "" : $"<think>try {turn.Turn}</think>";
        return turn.Turn < 2 ? think + turn.Call("calc", $$"""{"x":"{{(turn.IsContinuation ? turn.Episode.Path.ToString() : turn.Turn)}}"}""") : ScriptedTurn.Answer("7");
    }
}
