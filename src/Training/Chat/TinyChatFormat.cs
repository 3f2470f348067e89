using System.Text.Json;
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
    private readonly HashSet<int> _tags;
    private readonly int _user;
    private readonly int _endOfTurn;
    private readonly int _openCall;
    private readonly int _closeCall;
    private readonly int _openResponse;
    private readonly int _closeResponse;
    private readonly int _openAnswer;
    private readonly int _closeAnswer;

    /// <summary>Creates the format over a tokenizer that has its tags.</summary>
    /// <exception cref="KeyNotFoundException">A tag is missing.</exception>
    public TinyChatFormat(TextTokenizer tokenizer)
    {
        _tokenizer = tokenizer;
        _tags = [.. TinyTokenizerBuilder.Tags.Select(tokenizer.Added)];
        _user = tokenizer.Added("<user>");
        _endOfTurn = tokenizer.Added("<im_end>");
        _openCall = tokenizer.Added("<tool_call>");
        _closeCall = tokenizer.Added("</tool_call>");
        _openResponse = tokenizer.Added("<tool_response>");
        _closeResponse = tokenizer.Added("</tool_response>");
        _openAnswer = tokenizer.Added("<answer>");
        _closeAnswer = tokenizer.Added("</answer>");
        StopTokens = [_closeCall, _endOfTurn];
    }

    /// <inheritdoc/>
    public int VocabularySize => _tokenizer.Size;

    /// <inheritdoc/>
    public int[] StopTokens { get; }

    /// <inheritdoc/>
    public EncodedPiece EncodePrompt(Question question, IReadOnlyList<ToolSpec> tools)
    {
        if (question.Images.Length > 0)
        {
            throw new NotSupportedException($"question '{question.Id}' has images, and this policy reads text only");
        }

        int[] tokens = [_user, .. _tokenizer.Encode(question.Text), _endOfTurn];
        return new EncodedPiece(tokens, [new Segment(SegmentKind.Prompt, 0, tokens.Length)]);
    }

    /// <inheritdoc/>
    public EncodedPiece EncodeObservation(string toolName, ToolResult result)
    {
        var writer = new Writer();
        writer.Add(SegmentKind.Template, _openResponse);
        writer.Add(SegmentKind.Observation, _tokenizer.Encode(result.Text));
        writer.Add(SegmentKind.Template, _closeResponse);
        return writer.Done();
    }

    /// <inheritdoc/>
    public ParsedTurn ParseTurn(ReadOnlySpan<int> prefix, ReadOnlySpan<int> tokens)
    {
        int[] all = [.. prefix, .. tokens];
        var end = all.Length > 0 && all[^1] == _endOfTurn ? all.Length - 1 : all.Length;
        var open = Array.IndexOf(all, _openCall, 0, end);
        var answer = Array.IndexOf(all, _openAnswer, 0, open >= 0 ? open : end);
        var segments = new List<Segment>();
        var at = 0;
        string? answerText = null;
        if (answer >= 0)
        {
            var stop = open >= 0 ? open : end;
            var close = Array.IndexOf(all, _closeAnswer, answer, stop - answer);
            var answerEnd = close < 0 ? stop : close + 1;
            answerText = _tokenizer.Decode(all.AsSpan(answer + 1, (close < 0 ? stop : close) - answer - 1));
            Mark(SegmentKind.Think, answer);
            Mark(SegmentKind.Answer, answerEnd);
        }

        ToolCall? call = null;
        string? callError = null;
        if (open >= 0)
        {
            var close = Array.IndexOf(all, _closeCall, open, end - open);
            var callEnd = close < 0 ? end : close + 1;
            Mark(SegmentKind.Think, open);
            Mark(SegmentKind.ToolCall, callEnd);
            call = new ToolCall { Turn = 0, Start = open, PrefixEnd = open + 1, End = callEnd, Closed = close >= 0 };
            if (close >= 0)
            {
                callError = ReadCall(all.AsSpan(open + 1, close - open - 1), ref call);
            }
        }

        Mark(SegmentKind.Think, end);
        Mark(SegmentKind.EndOfTurn, all.Length);
        return new ParsedTurn
        {
            Segments = [.. segments],
            Call = call,
            CallError = callError,
            AnswerText = answerText,
            Boxed = answerText is null ? null : Boxed.Extract(answerText),
        };

        void Mark(SegmentKind kind, int to)
        {
            if (to > at)
            {
                segments.Add(new Segment(kind, at, to));
                at = to;
            }
        }
    }

    /// <inheritdoc/>
    public EncodedPiece EncodeTrace(TeacherTrace trace, IReadOnlyList<ToolSpec> tools)
    {
        var writer = new Writer();
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

    private string? ReadCall(ReadOnlySpan<int> tokens, ref ToolCall call)
    {
        foreach (var token in tokens)
        {
            if (_tags.Contains(token))
            {
                return "a tag stands inside the call";
            }
        }

        try
        {
            using var json = JsonDocument.Parse(_tokenizer.Decode(tokens), new JsonDocumentOptions { MaxDepth = 32 });
            if (json.RootElement.ValueKind != JsonValueKind.Object)
            {
                return "the call is not a JSON object";
            }

            if (!json.RootElement.TryGetProperty("name", out var name) || name.ValueKind != JsonValueKind.String)
            {
                return "the call has no \"name\"";
            }

            if (!json.RootElement.TryGetProperty("arguments", out var arguments) || arguments.ValueKind != JsonValueKind.Object)
            {
                return "the call has no \"arguments\" object";
            }

            call = call with { Name = name.GetString()!, Arguments = arguments.GetRawText() };
            return null;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            return "the call is not valid JSON";
        }
    }

    private sealed class Writer
    {
        private readonly List<int> _tokens = [];
        private readonly List<Segment> _segments = [];

        public void Add(SegmentKind kind, params ReadOnlySpan<int> tokens)
        {
            if (tokens.Length > 0)
            {
                _segments.Add(new Segment(kind, _tokens.Count, _tokens.Count + tokens.Length));
                _tokens.AddRange(tokens);
            }
        }

        public EncodedPiece Done() => new([.. _tokens], [.. _segments]);
    }
}
