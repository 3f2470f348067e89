using Axpo.Core;
using Axpo.Training.Tokenization;

namespace Axpo.Training.Chat;

/// <summary>Tags of the turns of a chat format, and what ends a turn.</summary>
/// <param name="OpenCall">Opens a call.</param>
/// <param name="CloseCall">Closes a call.</param>
/// <param name="OpenAnswer">Opens an answer.</param>
/// <param name="CloseAnswer">Closes an answer.</param>
/// <param name="EndOfTurn">Tokens that end a turn.</param>
/// <param name="Foreign">Tokens that no call may hold: tags and the like.</param>
internal sealed record TurnTags(Tag OpenCall, Tag CloseCall, Tag OpenAnswer, Tag CloseAnswer, IReadOnlySet<int> EndOfTurn, IReadOnlySet<int> Foreign)
{
    /// <summary>The four tags.</summary>
    public IReadOnlyList<Tag> All { get; } = [OpenCall, CloseCall, OpenAnswer, CloseAnswer];

    /// <summary>The tags &lt;tool_call&gt; and &lt;answer&gt; of a tokenizer.</summary>
    public static TurnTags Of(TextTokenizer tokenizer, IReadOnlySet<int> endOfTurn, IReadOnlySet<int> foreign) => new(
        Tag.Of(tokenizer, "<tool_call>"), Tag.Of(tokenizer, "</tool_call>"), Tag.Of(tokenizer, "<answer>"), Tag.Of(tokenizer, "</answer>"), endOfTurn, foreign);
}

/// <summary>
/// Reads a sampled turn token by token: thinking, the first call, answers. A call or an answer begins with the token in which its opening tag begins and ends with the token in which its closing tag
/// ends. A call that is never closed runs to the end; an answer without its closing tag runs to the call that follows or to the end, and does not count; what follows a call is thinking.
/// </summary>
internal sealed class TurnParser
{
    private readonly TurnTags _tags;
    private readonly TagFinder _finder;
    private readonly HashSet<int> _added;
    private readonly List<TagHit> _hits = [];
    private readonly List<Segment> _segments = [];
    private TagHit? _open;
    private ToolCall? _call;
    private string? _callError;
    private string? _answer;
    private bool _holdsForeign;
    private int _at;
    private int _last = -1;

    /// <summary>A parser for one turn.</summary>
    public TurnParser(TextTokenizer tokenizer, TurnTags tags)
    {
        _tags = tags;
        _added = [.. tokenizer.AddedTokens.Values];
        _finder = new TagFinder(tokenizer, tags.All, _added);
    }

    /// <summary>Whether the call was closed: nothing that follows changes it.</summary>
    public bool IsCallClosed => _call is { Closed: true };

    /// <summary>A whole turn.</summary>
    public static ParsedTurn Parse(TextTokenizer tokenizer, TurnTags tags, ReadOnlySpan<int> prefix, ReadOnlySpan<int> tokens)
    {
        var parser = new TurnParser(tokenizer, tags);
        foreach (var token in prefix)
        {
            parser.Append(token);
        }

        foreach (var token in tokens)
        {
            parser.Append(token);
        }

        return parser.Finish();
    }

    /// <summary>Takes a token.</summary>
    public void Append(int token)
    {
        _hits.Clear();
        _last = token;
        _finder.Append(token, _hits);
        foreach (var hit in _hits)
        {
            Take(hit);
        }

        _holdsForeign |= _tags.Foreign.Contains(token) && _open is { } open && open.Tag == _tags.OpenCall && open.End < _finder.Count;
    }

    /// <summary>Takes the end.</summary>
    public ParsedTurn Finish()
    {
        var end = _tags.EndOfTurn.Contains(_last) ? _finder.Count - 1 : _finder.Count;
        if (_open is { } open)
        {
            if (open.Tag == _tags.OpenCall)
            {
                var start = Math.Max(open.Start, _at);
                _call = new ToolCall { Turn = 0, Start = start, PrefixEnd = open.End, End = Math.Max(end, open.End), Closed = false };
                Mark(start, end, SegmentKind.ToolCall);
            }
            else
            {
                Mark(open.Start, end, SegmentKind.Answer);
            }
        }

        Add(SegmentKind.Think, end);
        Add(SegmentKind.EndOfTurn, _finder.Count);
        return new ParsedTurn
        {
            Segments = [.. _segments],
            Call = _call,
            CallError = _callError,
            AnswerText = _answer,
            Boxed = _answer is null ? null : Boxed.Extract(_answer),
        };
    }

    private void Take(TagHit hit)
    {
        if (IsCallClosed)
        {
            return;
        }

        if (_open is { } open && open.Tag == _tags.OpenCall)
        {
            if (hit.Tag == _tags.CloseCall)
            {
                CloseCall(open, hit);
                _open = null;
            }
        }
        else if (hit.Tag == _tags.OpenCall)
        {
            if (_open is { } answer)
            {
                Mark(answer.Start, hit.Start, SegmentKind.Answer);
            }

            _open = hit;
        }
        else if (_open is { } answer && hit.Tag == _tags.CloseAnswer)
        {
            _answer = _finder.Text(answer.ByteEnd, hit.ByteStart);
            Mark(answer.Start, hit.End, SegmentKind.Answer);
            _open = null;
        }
        else if (_open is null && hit.Tag == _tags.OpenAnswer)
        {
            _open = hit;
        }
    }

    private void CloseCall(TagHit open, TagHit close)
    {
        var start = Math.Max(open.Start, _at);
        _call = new ToolCall { Turn = 0, Start = start, PrefixEnd = open.End, End = close.End, Closed = true };
        var text = ToolCallText.Read(_finder.Text(open.ByteEnd, close.ByteStart));
        if (_holdsForeign)
        {
            _callError = "a tag stands inside the call";
        }
        else if (text.Fault == ToolCallFault.None)
        {
            _call = _call with { Name = text.Name!, Arguments = text.Arguments! };
        }
        else
        {
            _callError = text.Message;
        }

        Mark(start, close.End, SegmentKind.ToolCall);
    }

    /// <summary>A range that is a call or an answer; thinking lies before it. Of a token that two ranges share the first keeps it.</summary>
    private void Mark(int start, int end, SegmentKind kind)
    {
        Add(SegmentKind.Think, start);
        Add(kind, end);
    }

    private void Add(SegmentKind kind, int to)
    {
        if (to > _at)
        {
            _segments.Add(new Segment(kind, _at, to));
            _at = to;
        }
    }
}
