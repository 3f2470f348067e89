namespace Axpo.Grains.Tests.Episodes;

/// <summary>Formats whose observations begin with what ends a turn, unless the policy ended it itself, and whose calls end by a spelling instead of a token.</summary>
public sealed class TurnEndTests
{
    [Theory]
    [InlineData("", "<end>")]
    [InlineData("<end>", "")]
    public async Task A_turn_is_closed_once_by_the_policy_or_by_the_observation(string byPolicy, string byObservation)
    {
        var world = new World(turn => turn.Turn == 0 ? turn.Call("calc", "{}") + byPolicy : ScriptedTurn.Answer("7"));
        // Without the spelling the policy goes on after its call, and ends the turn itself.
        int[] spelling = byPolicy.Length == 0 ? [ScriptedChatFormat.CallClose] : ['?', '!'];
        world.Services.Chat = new ClosingChatFormat(spelling);
        await using var cluster = await AxpoTestCluster.StartAsync(world.Services);

        var summary = await cluster.Grains.GetGrain<IEpisodeGrain>(World.Id().ToString()).EndAsync(world.Request());

        summary.Outcome.ShouldBe(Outcome.Correct);
        var rollout = (await cluster.Trajectories.GetAsync([World.Id()], TestContext.Current.CancellationToken))[0];
        rollout.Validate();
        world.Services.Chat.Decode(rollout.Tokens).ShouldBe(
            "<user>question 0</user>"
            + $"<tool_call>{{\"name\":\"calc\",\"arguments\":{{}}}}</tool_call>{byPolicy}{byObservation}<tool_response>0:{{}}</tool_response>"
            + "<answer>\\boxed{7}</answer><end>");
        var end = rollout.Segments.Single(s => Array.IndexOf(rollout.Tokens, ScriptedChatFormat.EndOfTurn) is var at && s.Start <= at && at < s.End);
        end.IsSampled.ShouldBe(byPolicy.Length > 0);
        world.Engine.Requests.ShouldAllBe(r => r.StopSequences.Single().SequenceEqual(spelling) && r.StopTokens.Single() == ScriptedChatFormat.EndOfTurn);
    }

    private sealed class ClosingChatFormat(int[] spelling) : IChatFormat
    {
        private readonly ScriptedChatFormat _inner = new();

        public int VocabularySize => _inner.VocabularySize;

        public int[] StopTokens => [ScriptedChatFormat.EndOfTurn];

        public int[][] StopSequences => [spelling];

        public EncodedPiece EncodePrompt(Question question, IReadOnlyList<ToolSpec> tools, IReadOnlyList<ImageRef>? images = null) => _inner.EncodePrompt(question, tools);

        public EncodedPiece EncodeObservation(string toolName, ToolResult result, bool turnIsClosed)
        {
            var piece = _inner.EncodeObservation(toolName, result, turnIsClosed);
            return turnIsClosed ? piece
                : new EncodedPiece([ScriptedChatFormat.EndOfTurn, .. piece.Tokens], [new Segment(SegmentKind.Template, 0, 1), .. piece.Segments.Select(s => s.Shift(1))]);
        }

        public ParsedTurn ParseTurn(ReadOnlySpan<int> prefix, ReadOnlySpan<int> tokens) => _inner.ParseTurn(prefix, tokens);

        public EncodedPiece EncodeTrace(TeacherTrace trace, IReadOnlyList<ToolSpec> tools, IReadOnlyList<IReadOnlyList<ImageRef>>? images = null) => _inner.EncodeTrace(trace, tools);

        public string Decode(ReadOnlySpan<int> tokens) => _inner.Decode(tokens);
    }
}
