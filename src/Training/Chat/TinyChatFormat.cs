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
        var segments = new List<Segment>();
        string? answerText = null;
        ToolCall? call = null;
        string? callError = null;
        var (at, scan) = (0, 0);
        while (scan < end && call is null)
        {
            if (all[scan] == _openCall)
            {
                var close = Array.IndexOf(all, _closeCall, scan, end - scan);
                call = new ToolCall { Turn = 0, Start = scan, PrefixEnd = scan + 1, End = close < 0 ? end : close + 1, Closed = close >= 0 };
                callError = close < 0 ? null : ReadCall(all.AsSpan(scan + 1, close - scan - 1), ref call);
                Mark(SegmentKind.Think, scan);
                Mark(SegmentKind.ToolCall, call.End);
                scan = call.End;
            }
            else if (all[scan] == _openAnswer)
            {
                // An answer runs to its closing tag; without one, to the call that follows or the end, and is then no answer that counts.
                var start = scan;
                while (scan < end && all[scan] != _closeAnswer && all[scan] != _openCall)
                {
                    scan++;
                }

                if (scan < end && all[scan] == _closeAnswer)
                {
                    answerText = _tokenizer.Decode(all.AsSpan(start + 1, scan - start - 1));
                    scan++;
                }

                Mark(SegmentKind.Think, start);
                Mark(SegmentKind.Answer, scan);
            }
            else
            {
                scan++;
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

        var text = ToolCallText.Read(_tokenizer.Decode(tokens));
        if (text.Fault == ToolCallFault.None)
        {
            call = call with { Name = text.Name!, Arguments = text.Arguments! };
        }

        return text.Message;
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
