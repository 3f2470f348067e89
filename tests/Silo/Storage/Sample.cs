using Axpo.Core;

namespace Axpo.Silo.Tests.Storage;

internal static class Sample
{
    public static Rollout Rollout(string run, int step, int question, int rollout, Outcome outcome = Outcome.Correct) => new()
    {
        Id = new EpisodeId(run, Phase.Train, step, question, rollout),
        QuestionId = "q" + question,
        Suite = "fact",
        Tokens = [1, 2, 3, 4],
        LogProbs = [float.NaN, float.NaN, -0.5f, -1.25e-7f],
        Entropies = [float.NaN, float.NaN, 0.1f, 0.2f],
        Versions = [-1, -1, step - 1, step - 1],
        Segments = [new Segment(SegmentKind.Prompt, 0, 2), new Segment(SegmentKind.Answer, 2, 4)],
        Calls = [],
        Outcome = outcome,
        End = EndReason.Answered,
        Answer = "4\n2",
        Turns = 1,
    };

    public static TurnRecord Turn(EpisodeId id, int attempt, int turn, int token) => new()
    {
        Episode = id,
        Attempt = attempt,
        Turn = turn,
        Tokens = [token],
        LogProbs = [-0.1f],
        Entropies = [0.3f],
        Versions = [7],
        Stop = StopReason.StopToken,
        Result = new ToolResult("ok"),
    };
}
