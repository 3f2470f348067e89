using System.Text;
using System.Text.Json;

namespace Axpo.Testing;

/// <summary>
/// A chat format in which a character is a token (its UTF-16 unit) and every tag is one token above 65,535. Complete: prompts, observations, traces, calls, answers; tags
/// inside untrusted text stay text. An image is so many tokens of one tag, before the text of a question and behind that of an observation.
/// </summary>
/// <param name="imageTokens">Tokens an image; 0: the policy reads text only.</param>
public sealed class ScriptedChatFormat(int imageTokens = 0) : IChatFormat
{
    private const int FirstTag = 0x10000;

    private static readonly string[] Tags =
    [
        "<user>", "</user>", "<think>", "</think>", "<tool_call>", "</tool_call>", "<tool_response>", "</tool_response>", "<answer>", "</answer>", "<end>", "<image>",
    ];

    /// <summary>Opening tag of a call.</summary>
    public static int CallOpen => Tag("<tool_call>");

    /// <summary>Closing tag of a call.</summary>
    public static int CallClose => Tag("</tool_call>");

    /// <summary>End of turn.</summary>
    public static int EndOfTurn => Tag("<end>");

    /// <summary>A part of an image.</summary>
    public static int ImagePart => Tag("<image>");

    /// <inheritdoc/>
    public bool SeesImages => imageTokens > 0;

    /// <summary>Last token of an observation's template.</summary>
    public static int ObservationClose => Tag("</tool_response>");

    /// <inheritdoc/>
    public int VocabularySize => FirstTag + Tags.Length;

    /// <inheritdoc/>
    public int[] StopTokens => [CallClose, EndOfTurn];

    /// <summary>A text with tags as tokens. For scripts only: untrusted text goes through <see cref="IChatFormat.EncodePrompt"/> and <see cref="IChatFormat.EncodeObservation"/>.</summary>
    public static int[] Encode(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var tokens = new List<int>();
        for (var i = 0; i < text.Length;)
        {
            var tag = text[i] == '<' ? Array.FindIndex(Tags, t => string.CompareOrdinal(text, i, t, 0, t.Length) == 0) : -1;
            tokens.Add(tag < 0 ? text[i] : FirstTag + tag);
            i += tag < 0 ? 1 : Tags[tag].Length;
        }

        return [.. tokens];
    }

    /// <inheritdoc/>
    public EncodedPiece EncodePrompt(Question question, IReadOnlyList<ToolSpec> tools, IReadOnlyList<ImageRef>? images = null)
    {
        ArgumentNullException.ThrowIfNull(question);
        if (question.Images.Length > 0 && !SeesImages)
        {
            throw new NotSupportedException($"question '{question.Id}' has images and the scripted policy reads text only; leave it out");
        }

        if (question.Images.Length != (images?.Count ?? 0))
        {
            throw new ArgumentException($"question '{question.Id}' has {question.Images.Length} images, {images?.Count ?? 0} were given", nameof(images));
        }

        int[] tokens = [Tag("<user>"), .. Parts(images), .. Plain(question.Text), Tag("</user>")];
        return new EncodedPiece(tokens, [new Segment(SegmentKind.Prompt, 0, tokens.Length)]) { Images = Placed(images, 1) };
    }

    /// <inheritdoc/>
    public EncodedPiece EncodeObservation(string toolName, ToolResult result, bool turnIsClosed)
    {
        ArgumentNullException.ThrowIfNull(result);
        if (result.Images.Length > 0 && !SeesImages)
        {
            throw new NotSupportedException($"tool '{toolName}' answered with images and the scripted policy reads text only");
        }

        int[] tokens = [Tag("<tool_response>"), .. Plain(result.Text), .. Parts(result.Images), ObservationClose];
        var end = tokens.Length;
        Segment[] segments = end == 2
            ? [new(SegmentKind.Template, 0, end)]
            : [new(SegmentKind.Template, 0, 1), new(SegmentKind.Observation, 1, end - 1), new(SegmentKind.Template, end - 1, end)];
        return new EncodedPiece(tokens, segments) { Images = Placed(result.Images, 1 + result.Text.Length) };
    }

    /// <inheritdoc/>
    public ParsedTurn ParseTurn(ReadOnlySpan<int> prefix, ReadOnlySpan<int> tokens)
    {
        int[] turn = [.. prefix, .. tokens];
        var segments = new List<Segment>();
        ToolCall? call = null;
        string? callError = null;
        string? answer = null;
        var think = 0;
        for (var i = 0; i < turn.Length;)
        {
            var end = i + 1;
            SegmentKind? kind = null;
            if (turn[i] == CallOpen)
            {
                var close = Array.IndexOf(turn, CallClose, i);
                var stop = Array.IndexOf(turn, EndOfTurn, i);
                end = close >= 0 ? close + 1 : stop >= 0 ? stop : turn.Length;
                kind = SegmentKind.ToolCall;
                (call, callError) = ReadCall(turn, i, end, close >= 0);
            }
            else if (turn[i] == Tag("<answer>") && Array.IndexOf(turn, Tag("</answer>"), i) is >= 0 and var close)
            {
                end = close + 1;
                kind = SegmentKind.Answer;
                answer = Decode(turn.AsSpan(i + 1, close - i - 1));
            }
            else if (turn[i] == EndOfTurn)
            {
                kind = SegmentKind.EndOfTurn;
            }

            if (kind is { } found)
            {
                if (i > think)
                {
                    segments.Add(new Segment(SegmentKind.Think, think, i));
                }

                segments.Add(new Segment(found, i, end));
                think = end;
            }

            i = end;
        }

        if (turn.Length > think)
        {
            segments.Add(new Segment(SegmentKind.Think, think, turn.Length));
        }

        return new ParsedTurn { Segments = [.. segments], Call = call, CallError = callError, AnswerText = answer, Boxed = answer is null ? null : Boxed(answer) };
    }

    /// <inheritdoc/>
    public EncodedPiece EncodeTrace(TeacherTrace trace, IReadOnlyList<ToolSpec> tools, IReadOnlyList<IReadOnlyList<ImageRef>>? images = null)
    {
        ArgumentNullException.ThrowIfNull(trace);
        var tokens = new List<int>();
        var segments = new List<Segment>();
        var placed = new List<PlacedImage>();
        Append(EncodePrompt(trace.Question, tools, images?[0]));
        foreach (var (i, step) in trace.Steps.Index())
        {
            Add(SegmentKind.Think, Think(step.Think));
            Add(SegmentKind.ToolCall, [CallOpen, .. Plain($"{{\"name\":\"{step.Tool}\",\"arguments\":{step.ArgumentsJson}}}"), CallClose]);
            Append(EncodeObservation(step.Tool, new ToolResult(step.Observation) { Images = [.. images?[i + 1] ?? []] }, turnIsClosed: false));
        }

        Add(SegmentKind.Think, Think(trace.FinalThink));
        Add(SegmentKind.Answer, Encode($"<answer>\\boxed{{{trace.Answer}}}</answer>"));
        Add(SegmentKind.EndOfTurn, [EndOfTurn]);
        return new EncodedPiece([.. tokens], [.. segments]) { Images = [.. placed] };

        static int[] Think(string? text) => string.IsNullOrEmpty(text) ? [] : [Tag("<think>"), .. Plain(text), Tag("</think>")];

        void Add(SegmentKind kind, int[] piece)
        {
            if (piece.Length > 0)
            {
                Append(new EncodedPiece(piece, [new Segment(kind, 0, piece.Length)]));
            }
        }

        void Append(EncodedPiece piece)
        {
            segments.AddRange(piece.Segments.Select(s => s.Shift(tokens.Count)));
            placed.AddRange(piece.Images.Select(i => i.Shift(tokens.Count)));
            tokens.AddRange(piece.Tokens);
        }
    }

    /// <inheritdoc/>
    public string Decode(ReadOnlySpan<int> tokens)
    {
        var text = new StringBuilder();
        foreach (var token in tokens)
        {
            if (token >= FirstTag)
            {
                text.Append(Tags[token - FirstTag]);
            }
            else
            {
                text.Append((char)token);
            }
        }

        return text.ToString();
    }

    private IEnumerable<int> Parts(IReadOnlyList<ImageRef>? images) => Enumerable.Repeat(ImagePart, imageTokens * (images?.Count ?? 0));

    private PlacedImage[] Placed(IReadOnlyList<ImageRef>? images, int start) => [.. (images ?? []).Select((image, i) => new PlacedImage(image, start + (i * imageTokens), start + ((i + 1) * imageTokens)))];

    private static int Tag(string name) => FirstTag + Array.IndexOf(Tags, name);

    private static IEnumerable<int> Plain(string text) => text.Select(c => (int)c);

    private (ToolCall Call, string? Error) ReadCall(int[] turn, int start, int end, bool closed)
    {
        var call = new ToolCall { Turn = 0, Start = start, PrefixEnd = start + 1, End = end, Closed = closed };
        if (!closed)
        {
            return (call, null);
        }

        try
        {
            using var json = JsonDocument.Parse(Decode(turn.AsSpan(start + 1, end - start - 2)));
            var name = json.RootElement.GetProperty("name").GetString() ?? "";
            return (call with { Name = name, Arguments = json.RootElement.GetProperty("arguments").GetRawText() }, null);
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException)
        {
            return (call, "the call is no JSON object with name and arguments");
        }
    }

    private static string? Boxed(string answer)
    {
        var open = answer.LastIndexOf("\\boxed{", StringComparison.Ordinal);
        if (open < 0)
        {
            return null;
        }

        var depth = 0;
        for (var i = open + 6; i < answer.Length; i++)
        {
            depth += answer[i] == '{' ? 1 : answer[i] == '}' ? -1 : 0;
            if (depth == 0)
            {
                return answer[(open + 7)..i];
            }
        }

        return null;
    }
}
