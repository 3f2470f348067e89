namespace Axpo.Core.Tests;

/// <summary>Small rollouts and summaries.</summary>
internal static class Some
{
    /// <summary>Log-prob of every sampled token unless a test says otherwise.</summary>
    public const float LogProb = -.5f;

    /// <summary>3 prompt, 4 thinking, 2 answer, 1 end-of-turn token: 7 sampled of 10.</summary>
    public static readonly (SegmentKind Kind, int Length)[] NoTool = [(SegmentKind.Prompt, 3), (SegmentKind.Think, 4), (SegmentKind.Answer, 2), (SegmentKind.EndOfTurn, 1)];

    /// <summary>3 prompt, 2 thinking, 4 call, 1 template, 2 observation, 1 template, 2 answer, 1 end-of-turn token: 9 sampled of 16; the prefix of the call has 6, 3 of them sampled.</summary>
    public static readonly (SegmentKind Kind, int Length)[] Tool =
    [
        (SegmentKind.Prompt, 3), (SegmentKind.Think, 2), (SegmentKind.ToolCall, 4), (SegmentKind.Template, 1), (SegmentKind.Observation, 2), (SegmentKind.Template, 1), (SegmentKind.Answer, 2),
        (SegmentKind.EndOfTurn, 1),
    ];

    public static EpisodeId Id(int question, int rollout) => new("run", Phase.Train, 1, question, rollout);

    /// <summary>A rollout of consecutive segments; every call segment is a closed call whose opening tag is one token. Token i has id 100 + i.</summary>
    public static Rollout Rollout(EpisodeId id, Outcome outcome, (SegmentKind Kind, int Length)[] shape, int inherited = 0)
    {
        var segments = new List<Segment>();
        var at = 0;
        foreach (var (kind, length) in shape)
        {
            segments.Add(new Segment(kind, at, at += length));
        }

        bool[] sampled = [.. segments.SelectMany(s => Enumerable.Repeat(s.IsSampled, s.Length))];
        return new Rollout
        {
            Id = id,
            QuestionId = "q",
            Suite = "s",
            Tokens = [.. Enumerable.Range(100, at)],
            LogProbs = [.. sampled.Select(s => s ? LogProb : float.NaN)],
            Entropies = [.. sampled.Select(s => s ? 1f : float.NaN)],
            Versions = [.. sampled.Select(s => s ? 0 : -1)],
            Segments = [.. segments],
            Calls = [.. segments.Where(s => s.Kind == SegmentKind.ToolCall).Select((s, i) => new ToolCall { Turn = i, Start = s.Start, PrefixEnd = s.Start + 1, End = s.End, Closed = true, Observation = "out" })],
            Outcome = outcome,
            Cause = outcome == Outcome.Void ? VoidCause.EngineFault : VoidCause.None,
            End = outcome == Outcome.Void ? EndReason.Void : EndReason.Answered,
            Turns = 1,
            InheritedTokens = inherited,
        };
    }

    /// <summary>A summary; it is tool-using if it has a confidence.</summary>
    public static RolloutSummary Summary(int question, int rollout, Outcome outcome, params double[] confidences) => new()
    {
        Id = Id(question, rollout),
        Outcome = outcome,
        End = outcome == Outcome.Void ? EndReason.Void : EndReason.Answered,
        IsToolUsing = confidences.Length > 0,
        CallConfidences = confidences,
        CallErrors = [.. confidences.Select(_ => false)],
        CallObservations = [.. confidences.Select((_, i) => 100UL + (ulong)i)],
        AnswerConfidence = confidences.Length == 0 ? .5 : double.NaN,
        Tokens = 20,
        SampledTokens = 10,
        Turns = confidences.Length + 1,
        MeanEntropy = 1,
    };

    public static Question Question(string id = "q", string category = "reasoning", int horizon = 1) =>
        new() { Id = id, Suite = "s", Category = category, Text = "?", Answer = "1", Verifier = "exact", Horizon = horizon };
}
