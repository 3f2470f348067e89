namespace Axpo.Core;

/// <summary>Tokens with what they are; segments are relative to the first token.</summary>
/// <param name="Tokens">Ids.</param>
/// <param name="Segments">Segments, end to end.</param>
public sealed record EncodedPiece(int[] Tokens, Segment[] Segments)
{
    /// <summary>Images among the tokens, in order, relative to the first token.</summary>
    public PlacedImage[] Images { get; init; } = [];
}

/// <summary>What a sampled turn holds.</summary>
public sealed record ParsedTurn
{
    /// <summary>Segments of the turn, relative to its first token, end to end.</summary>
    public required Segment[] Segments { get; init; }

    /// <summary>The call that ends the turn; null if there is none. Positions are relative to the turn's first token.</summary>
    public ToolCall? Call { get; init; }

    /// <summary>Why the call could not be read (bad JSON, no name, special tokens inside): an error observation; null if it could.</summary>
    public string? CallError { get; init; }

    /// <summary>Text between the answer tags; null if there is no answer.</summary>
    public string? AnswerText { get; init; }

    /// <summary>Content of the last balanced <c>\boxed{}</c> of the answer; null if there is none.</summary>
    public string? Boxed { get; init; }
}

/// <summary>The chat format of a policy: text to tokens and tags in tokens. Untrusted text is encoded without added tokens.</summary>
public interface IChatFormat
{
    /// <summary>Size of the vocabulary.</summary>
    int VocabularySize { get; }

    /// <summary>Ids that end a turn: the closing tag of a call and the end-of-turn token.</summary>
    int[] StopTokens { get; }

    /// <summary>Token sequences that end a turn as well: ways to write the closing tag of a call where it is not one token; none where it is.</summary>
    int[][] StopSequences => [];

    /// <summary>Whether the policy sees images.</summary>
    bool SeesImages => false;

    /// <summary>The prompt, ready for the policy's first token.</summary>
    /// <param name="question">The question.</param>
    /// <param name="tools">The tools offered.</param>
    /// <param name="images">The question's images, as many as it names; null: it names none.</param>
    /// <exception cref="NotSupportedException">The question has images and the policy is a text policy; the message names the question.</exception>
    /// <exception cref="ArgumentException">Other images than the question names.</exception>
    EncodedPiece EncodePrompt(Question question, IReadOnlyList<ToolSpec> tools, IReadOnlyList<ImageRef>? images = null);

    /// <summary>An observation with the template around it, ready for the policy's next token: exactly the tokens that the template adds after the policy's own.</summary>
    /// <param name="toolName">Name of the tool.</param>
    /// <param name="result">What it answered; untrusted.</param>
    /// <param name="turnIsClosed">Whether the policy ended its turn itself, with an end-of-turn token after the call; else the observation begins with what ends it, where the format has that.</param>
    /// <exception cref="NotSupportedException">The result has images and the policy is a text policy; the message names the tool.</exception>
    EncodedPiece EncodeObservation(string toolName, ToolResult result, bool turnIsClosed);

    /// <summary>
    /// Finds thinking, call and answer in the tokens of a sampled turn. <paramref name="prefix"/> are tokens that precede the turn's own ones and belong to it
    /// (a continuation starts after the opening tag that its source sampled): positions in the result count from the first token of the prefix.
    /// </summary>
    ParsedTurn ParseTurn(ReadOnlySpan<int> prefix, ReadOnlySpan<int> tokens);

    /// <summary>A teacher's trace as tokens; sampled segments are those that the policy shall learn to write.</summary>
    /// <param name="trace">The trace.</param>
    /// <param name="tools">The tools offered.</param>
    /// <param name="images">Images of the question, then of each step; null: there are none.</param>
    EncodedPiece EncodeTrace(TeacherTrace trace, IReadOnlyList<ToolSpec> tools, IReadOnlyList<IReadOnlyList<ImageRef>>? images = null);

    /// <summary>Text of tokens, tags included.</summary>
    string Decode(ReadOnlySpan<int> tokens);
}
