using Axpo.Core;
using Axpo.Training.Tokenization;

namespace Axpo.Training.Chat;

/// <summary>
/// The terse format of axpo-tiny: <c>&lt;user&gt;question&lt;im_end&gt;</c>, then the policy's own
/// <c>&lt;think&gt;..&lt;/think&gt;&lt;tool_call&gt;{..}&lt;/tool_call&gt;</c>, answered by <c>&lt;tool_response&gt;..&lt;/tool_response&gt;</c>, until
/// <c>&lt;answer&gt;\boxed{..}&lt;/answer&gt;&lt;im_end&gt;</c>. Every tag is one token. Thread-safe.
/// </summary>
public sealed class TinyChatFormat : IChatFormat
{
    private readonly TextTokenizer _tokenizer;
    private readonly TurnTags _turnTags;
    private readonly int _user;
    private readonly int _endOfTurn;
    private readonly int _openResponse;
    private readonly int _closeResponse;
    private readonly int _openAnswer;
    private readonly int _closeAnswer;

    /// <summary>Creates the format over a tokenizer that has its tags.</summary>
    /// <exception cref="KeyNotFoundException">A tag is missing.</exception>
    public TinyChatFormat(TextTokenizer tokenizer)
    {
        _tokenizer = tokenizer;
        _user = tokenizer.Added("<user>");
        _endOfTurn = tokenizer.Added("<im_end>");
        _openResponse = tokenizer.Added("<tool_response>");
        _closeResponse = tokenizer.Added("</tool_response>");
        _openAnswer = tokenizer.Added("<answer>");
        _closeAnswer = tokenizer.Added("</answer>");
        _turnTags = TurnTags.Of(tokenizer, new HashSet<int> { _endOfTurn }, TinyTokenizerBuilder.Tags.Select(tokenizer.Added).ToHashSet());
        StopTokens = [tokenizer.Added("</tool_call>"), _endOfTurn];
    }

    /// <inheritdoc/>
    public int VocabularySize => _tokenizer.Size;

    /// <inheritdoc/>
    public int[] StopTokens { get; }

    /// <inheritdoc/>
    public EncodedPiece EncodePrompt(Question question, IReadOnlyList<ToolSpec> tools, IReadOnlyList<ImageRef>? images = null)
    {
        if (question.Images.Length > 0)
        {
            throw new NotSupportedException($"question '{question.Id}' has images, and this policy reads text only");
        }

        int[] tokens = [_user, .. _tokenizer.Encode(question.Text), _endOfTurn];
        return new EncodedPiece(tokens, [new Segment(SegmentKind.Prompt, 0, tokens.Length)]);
    }

    /// <inheritdoc/>
    public EncodedPiece EncodeObservation(string toolName, ToolResult result, bool turnIsClosed)
    {
        var writer = new PieceWriter();
        writer.Add(SegmentKind.Template, _openResponse);
        writer.Add(SegmentKind.Observation, _tokenizer.Encode(result.Text));
        writer.Add(SegmentKind.Template, _closeResponse);
        return writer.Done();
    }

    /// <inheritdoc/>
    public ParsedTurn ParseTurn(ReadOnlySpan<int> prefix, ReadOnlySpan<int> tokens) => TurnParser.Parse(_tokenizer, _turnTags, prefix, tokens);

    /// <inheritdoc/>
    public EncodedPiece EncodeTrace(TeacherTrace trace, IReadOnlyList<ToolSpec> tools, IReadOnlyList<IReadOnlyList<ImageRef>>? images = null)
    {
        var writer = new PieceWriter();
        writer.Add(SegmentKind.Prompt, EncodePrompt(trace.Question, tools).Tokens);
        foreach (var step in trace.Steps)
        {
            writer.Add(SegmentKind.Think, Think(step.Think));
            writer.Add(SegmentKind.ToolCall, _tokenizer.EncodeTrusted($$"""<tool_call>{"name":"{{step.Tool}}","arguments":{{step.ArgumentsJson}}}</tool_call>"""));
            writer.Add(SegmentKind.Template, _openResponse);
            writer.Add(SegmentKind.Observation, _tokenizer.Encode(step.Observation));
            writer.Add(SegmentKind.Template, _closeResponse);
        }

        writer.Add(SegmentKind.Think, Think(trace.FinalThink));
        writer.Add(SegmentKind.Answer, [_openAnswer, .. _tokenizer.EncodeTrusted("\\boxed{"), .. _tokenizer.Encode(trace.Answer), .. _tokenizer.Encode("}"), _closeAnswer]);
        writer.Add(SegmentKind.EndOfTurn, _endOfTurn);
        return writer.Done();
    }

    /// <inheritdoc/>
    public string Decode(ReadOnlySpan<int> tokens) => _tokenizer.Decode(tokens);

    private int[] Think(string? text) => string.IsNullOrEmpty(text) ? [] : _tokenizer.EncodeTrusted($"<think>{text}</think>");
}
