namespace Axpo.Core;

/// <summary>Which part of a suite. Parts are disjoint by seed and by entity.</summary>
public enum Split
{
    /// <summary>Questions that train.</summary>
    Train,

    /// <summary>Questions for choosing settings.</summary>
    Validation,

    /// <summary>Questions for reporting.</summary>
    Test,
}

/// <summary>A question with its ground truth.</summary>
[GenerateSerializer, Immutable, Alias("axpo.Question")]
public sealed record Question
{
    /// <summary>Unique in its suite and split.</summary>
    [Id(0)] public required string Id { get; init; }

    /// <summary>The suite (family) it comes from.</summary>
    [Id(1)] public required string Suite { get; init; }

    /// <summary><c>reasoning</c>, <c>search</c> or <c>perception</c>.</summary>
    [Id(2)] public required string Category { get; init; }

    /// <summary>What the policy is asked. Untrusted: encoded without added tokens.</summary>
    [Id(3)] public required string Text { get; init; }

    /// <summary>Ground truth.</summary>
    [Id(4)] public required string Answer { get; init; }

    /// <summary>Name of the verifier: <c>exact</c>, <c>numeric</c>, <c>choice</c> or a registered one.</summary>
    [Id(5)] public required string Verifier { get; init; }

    /// <summary>Further accepted answers (<c>exact</c>).</summary>
    [Id(6)] public string[] Aliases { get; init; } = [];

    /// <summary>The admitted answers (<c>choice</c>).</summary>
    [Id(7)] public string[] Choices { get; init; } = [];

    /// <summary>Accepted absolute difference (<c>numeric</c>), an invariant decimal; null: exactly equal.</summary>
    [Id(8)] public string? Tolerance { get; init; }

    /// <summary>Images, as <see cref="IQuestionImages"/> reads them; a text policy refuses a question that has any.</summary>
    [Id(9)] public string[] Images { get; init; } = [];

    /// <summary>Tool calls that are necessary in sequence (hops); 1 if unknown.</summary>
    [Id(10)] public int Horizon { get; init; } = 1;

    /// <summary>Names of the tools offered; null: those of the suite.</summary>
    [Id(11)] public string[]? Tools { get; init; }

    /// <summary>Everything else that the suite knows, as a JSON object.</summary>
    [Id(12)] public string MetadataJson { get; init; } = "{}";
}

/// <summary>A family of questions.</summary>
public interface ITaskSuite
{
    /// <summary>Name in configuration, for example <c>fact-chain</c>.</summary>
    string Name { get; }

    /// <summary><c>reasoning</c>, <c>search</c> or <c>perception</c>.</summary>
    string Category { get; }

    /// <summary>Names of the tools offered to the policy.</summary>
    IReadOnlyList<string> Tools { get; }

    /// <summary>
    /// Draws questions: a pure function of its arguments. No question text, with its images, occurs twice in one draw as long as the split is large enough;
    /// a smaller one is repeated.
    /// </summary>
    /// <param name="split">Which part.</param>
    /// <param name="key">Key of chance.</param>
    /// <param name="count">How many.</param>
    IReadOnlyList<Question> Draw(Split split, ChanceKey key, int count);
}

/// <summary>A suite that can show how its questions are solved (for SFT).</summary>
public interface ITeacher
{
    /// <summary>Name of the suite that it teaches.</summary>
    string Suite { get; }

    /// <summary>A correct trace; a pure function of its arguments.</summary>
    /// <param name="question">A question of the suite.</param>
    /// <param name="useTool">Whether the trace calls a tool. A suite that cannot be solved without calls anyway ignores a false.</param>
    /// <param name="key">Key of chance for wording.</param>
    TeacherTrace Demonstrate(Question question, bool useTool, ChanceKey key);
}

/// <summary>What a teacher shows: calls with their observations, then the answer.</summary>
/// <param name="Question">The question.</param>
/// <param name="Steps">Thinking and calls in order; empty if the answer needs no call.</param>
/// <param name="FinalThink">Thinking before the answer; null or empty for none.</param>
/// <param name="Answer">What stands inside <c>\boxed{}</c>.</param>
public sealed record TeacherTrace(Question Question, IReadOnlyList<TeacherStep> Steps, string? FinalThink, string Answer);

/// <summary>One step of a trace.</summary>
/// <param name="Think">Thinking before the call; null or empty for none.</param>
/// <param name="Tool">Name of the tool.</param>
/// <param name="ArgumentsJson">Arguments as a compact JSON object, in the order in which the policy shall write them.</param>
/// <param name="Observation">What the tool really answers.</param>
public sealed record TeacherStep(string? Think, string Tool, string ArgumentsJson, string Observation)
{
    /// <summary>Image files that the tool really answers, in order.</summary>
    public IReadOnlyList<ReadOnlyMemory<byte>> Images { get; init; } = [];
}

/// <summary>What a verifier says.</summary>
public enum Verdict
{
    /// <summary>Not right.</summary>
    Wrong,

    /// <summary>Right.</summary>
    Correct,

    /// <summary>No answer of the form that was asked for; counts as wrong.</summary>
    Malformed,
}

/// <summary>Decides whether an answer is right. A verifier that throws makes the episode Void, never wrong.</summary>
public interface IVerifier
{
    /// <summary>Name in question files.</summary>
    string Name { get; }

    /// <summary>Judges an answer (the content of the last balanced <c>\boxed{}</c>).</summary>
    ValueTask<Verdict> VerifyAsync(Question question, string answer, CancellationToken cancellationToken);
}
