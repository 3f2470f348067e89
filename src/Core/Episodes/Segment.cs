namespace Axpo.Core;

/// <summary>What a range of tokens is. The numbers are those of the objective fixtures.</summary>
public enum SegmentKind : byte
{
    /// <summary>The question as the policy sees it; never carries loss.</summary>
    Prompt = 0,

    /// <summary>Sampled tokens outside calls and answers.</summary>
    Think = 1,

    /// <summary>A sampled call, opening tag to closing tag, both included.</summary>
    ToolCall = 2,

    /// <summary>What a tool answered; never carries loss.</summary>
    Observation = 3,

    /// <summary>The sampled answer, tags included.</summary>
    Answer = 4,

    /// <summary>A sampled end-of-turn token.</summary>
    EndOfTurn = 5,

    /// <summary>Tokens that the chat format adds around observations; never carry loss.</summary>
    Template = 6,
}

/// <summary>A range [Start, End) of a rollout's tokens.</summary>
[GenerateSerializer, Immutable, Alias("axpo.Segment")]
public readonly record struct Segment([property: Id(0)] SegmentKind Kind, [property: Id(1)] int Start, [property: Id(2)] int End)
{
    /// <summary>Tokens in the range.</summary>
    public int Length => End - Start;

    /// <summary>Whether the policy sampled these tokens.</summary>
    public bool IsSampled => Kind is SegmentKind.Think or SegmentKind.ToolCall or SegmentKind.Answer or SegmentKind.EndOfTurn;

    /// <summary>The same range, moved.</summary>
    public Segment Shift(int by) => this with { Start = Start + by, End = End + by };
}
