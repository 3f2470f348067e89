using System.Text;
using System.Text.Json;
using Axpo.Core;
using Axpo.Training.Chat.Jinja;
using Axpo.Training.Tokenization;

namespace Axpo.Training.Chat;

/// <summary>
/// The chat format of a Hugging Face folder: its own tokenizer and template. Prompts are rendered; observations are the tokens that the template adds after a turn, never a second rendering of what the
/// policy wrote; thinking of earlier turns stays in the trajectory even where the template would drop it. Calls are <c>&lt;tool_call&gt;{"name": .., "arguments": {..}}&lt;/tool_call&gt;</c>, answers
/// <c>&lt;answer&gt;\boxed{..}&lt;/answer&gt;</c>, each tag by its token where there is one, else by its text. See docs/chat.md. Thread-safe.
/// </summary>
public sealed class HfChatFormat : IChatFormat
{
    private readonly TextTokenizer _tokenizer;
    private readonly TurnTemplate _turns;
    private readonly TurnTags _tags;
    private readonly bool _thinksInTags;
    private readonly int _endOfTurn;
    private readonly ChatPictures? _pictures;

    /// <summary>Creates the format.</summary>
    /// <param name="tokenizer">Tokenizer of the folder.</param>
    /// <param name="template">Template of the folder.</param>
    /// <param name="options">How to talk to the model.</param>
    /// <param name="endTokens">Ids that end a generation besides the template's own end of a turn, as <c>generation_config.json</c> lists them.</param>
    /// <exception cref="NotSupportedException">The template does not end a turn with one added token, or refuses the plainest conversation.</exception>
    public HfChatFormat(TextTokenizer tokenizer, ChatTemplate template, ChatOptions options, IReadOnlyCollection<int> endTokens)
        : this(tokenizer, template, options, endTokens, null)
    {
    }

    /// <summary>The same for a model that may see.</summary>
    internal HfChatFormat(TextTokenizer tokenizer, ChatTemplate template, ChatOptions options, IReadOnlyCollection<int> endTokens, ChatPictures? pictures)
    {
        ArgumentNullException.ThrowIfNull(template);
        ArgumentNullException.ThrowIfNull(options);
        (_tokenizer, _turns, _pictures) = (tokenizer, new TurnTemplate(template, options), pictures);
        _endOfTurn = FindEndOfTurn();
        HashSet<int> ends = [_endOfTurn, .. endTokens];
        if (template.EndToken is { } token && tokenizer.AddedTokens.TryGetValue(token, out var id))
        {
            ends.Add(id);
        }

        _tags = TurnTags.Of(tokenizer, ends, tokenizer.AddedTokens.Values.ToHashSet());
        _thinksInTags = options.Thinking != Thinking.Off && template.Mentions("<think>");
        StopTokens = _tags.CloseCall.Id is { } close ? [close, .. ends] : [.. ends];
        StopSequences = _tags.CloseCall.Id is null ? Spellings.Of(tokenizer, _tags.CloseCall.Text) : [];
    }

    /// <inheritdoc/>
    public int VocabularySize => _tokenizer.Size;

    /// <inheritdoc/>
    public bool SeesImages => _pictures is not null;

    /// <inheritdoc/>
    public int[] StopTokens { get; }

    /// <inheritdoc/>
    public int[][] StopSequences { get; }

    /// <summary>Whether the template itself offers tools; else Axpo's system prompt does, with textual tags.</summary>
    public bool HasNativeTools => _turns.HasTools;

    /// <inheritdoc/>
    /// <exception cref="TemplateException">The template refuses the question.</exception>
    public EncodedPiece EncodePrompt(Question question, IReadOnlyList<ToolSpec> tools, IReadOnlyList<ImageRef>? images = null)
    {
        ArgumentNullException.ThrowIfNull(question);
        ArgumentNullException.ThrowIfNull(tools);
        ChatPictures.Check(question, images ?? [], _pictures);
        var tokens = Encode(_turns.Prompt(question.Text, images?.Count ?? 0, tools));
        return Placed(new EncodedPiece(tokens, [new Segment(SegmentKind.Prompt, 0, tokens.Length)]), images ?? []);
    }

    /// <inheritdoc/>
    /// <exception cref="TemplateException">The template refuses the result.</exception>
    public EncodedPiece EncodeObservation(string toolName, ToolResult result, bool turnIsClosed)
    {
        ArgumentNullException.ThrowIfNull(result);
        ChatPictures.Check(toolName, result, _pictures);
        return Observations([(result.Text, result.Images)], turnIsClosed);
    }

    /// <summary>The results of several calls of one turn.</summary>
    /// <param name="results">Their texts in order; untrusted.</param>
    /// <param name="turnIsClosed">Whether the policy ended the turn itself.</param>
    /// <exception cref="TemplateException">The template refuses them.</exception>
    public EncodedPiece EncodeObservations(IReadOnlyList<string> results, bool turnIsClosed) => Observations([.. results.Select(r => (r, Array.Empty<ImageRef>()))], turnIsClosed);

    /// <inheritdoc/>
    public ParsedTurn ParseTurn(ReadOnlySpan<int> prefix, ReadOnlySpan<int> tokens) => TurnParser.Parse(_tokenizer, _tags, prefix, tokens);

    /// <inheritdoc/>
    /// <exception cref="TemplateException">The template refuses the question or an observation.</exception>
    public EncodedPiece EncodeTrace(TeacherTrace trace, IReadOnlyList<ToolSpec> tools, IReadOnlyList<IReadOnlyList<ImageRef>>? images = null)
    {
        ArgumentNullException.ThrowIfNull(trace);
        var piece = new PieceWriter();
        piece.Add(EncodePrompt(trace.Question, tools, images?[0]));
        var next = 1;
        foreach (var step in trace.Steps)
        {
            AddTurn(piece, Think(step.Think).Append("<tool_call>\n{\"name\": ").Append(Json(JsonSerializer.SerializeToElement(step.Tool))).Append(", \"arguments\": ")
                .Append(Arguments(step)).Append("}\n</tool_call>").Done(), isLast: false);
            piece.Add(EncodeObservation(step.Tool, new ToolResult(step.Observation) { Images = [.. images?[next] ?? []] }, turnIsClosed: false));
            next++;
        }

        AddTurn(piece, Think(trace.FinalThink).Append("<answer>\\boxed{").Append(trace.Answer, untrusted: true).Append("}</answer>").Done(), isLast: true);
        return piece.Done();
    }

    /// <inheritdoc/>
    public string Decode(ReadOnlySpan<int> tokens) => _tokenizer.Decode(tokens);

    private EncodedPiece Observations((string Text, ImageRef[] Images)[] results, bool turnIsClosed)
    {
        var text = _turns.Observation([.. results.Select(r => (r.Text, r.Images.Length))]);
        var tokens = Encode(text);
        var skip = turnIsClosed ? 1 : 0;
        var first = text.Untrusted.IndexOf(true);
        var last = text.Untrusted.LastIndexOf(true);
        var start = first < 0 ? tokens.Length : Fit(tokens, text.Value.AsSpan(0, first));
        var end = first < 0 ? tokens.Length : Math.Max(start, tokens.Length - Fit(tokens.Reverse(), text.Value.AsSpan(last + 1)));
        if (_pictures is not null && results.Any(r => r.Images.Length > 0))
        {
            // Images are part of what was observed, wherever the template puts them.
            var (from, to) = _pictures.Range(tokens);
            (start, end) = (Math.Min(start, from), Math.Max(first < 0 ? to : end, to));
        }

        return Placed(
            new EncodedPiece(tokens[skip..], [.. new[]
            {
                new Segment(SegmentKind.Template, 0, start - skip),
                new Segment(SegmentKind.Observation, start - skip, end - skip),
                new Segment(SegmentKind.Template, end - skip, tokens.Length - skip),
            }.Where(segment => segment.Length > 0)]),
            [.. results.SelectMany(r => r.Images)]);
    }

    private EncodedPiece Placed(EncodedPiece piece, IReadOnlyList<ImageRef> images) => images.Count == 0 ? piece : _pictures!.Place(piece, images);

    private int[] Encode(TemplateText text) => _tokenizer.Encode(text.Value, text.Untrusted);

    private int FindEndOfTurn()
    {
        try
        {
            var closing = Encode(_turns.EndOfTurn());
            return closing.Length > 0 && _tokenizer.AddedTokens.Values.Contains(closing[0])
                ? closing[0]
                : throw new NotSupportedException("chat template: a turn does not end with an added token, which is how the engine would know its end; supported: templates that do (ChatML, Llama-3)");
        }
        catch (TemplateException e)
        {
            throw new NotSupportedException($"chat template: refuses a user's message and an assistant's answer: {e.Message}", e);
        }
    }

    /// <summary>What a teacher writes in a turn, read as a turn of the policy would be.</summary>
    private void AddTurn(PieceWriter piece, TemplateText text, bool isLast)
    {
        int[] tokens = isLast ? [.. Encode(text), _endOfTurn] : Encode(text);
        piece.Add(new EncodedPiece(tokens, ParseTurn([], tokens).Segments));
    }

    private TemplateText.Builder Think(string? text)
    {
        var builder = new TemplateText.Builder();
        return string.IsNullOrEmpty(text) ? builder
            : _thinksInTags ? builder.Append("<think>\n").Append(text, untrusted: true).Append("\n</think>\n\n")
            : builder.Append(text, untrusted: true).Append("\n");
    }

    private static TemplateText Arguments(TeacherStep step)
    {
        using var json = JsonDocument.Parse(step.ArgumentsJson);
        return Json(json.RootElement);
    }

    private static TemplateText Json(JsonElement value) => PythonJson.Write(new Budget(new TemplateLimits()), TemplateJson.ToValue(value, untrusted: true));

    /// <summary>How many of the tokens lie wholly inside a text at that end of them.</summary>
    private int Fit(IEnumerable<int> tokens, ReadOnlySpan<char> text)
    {
        var room = Encoding.UTF8.GetByteCount(text);
        var count = 0;
        foreach (var token in tokens)
        {
            room -= _tokenizer.Bytes(token).Length;
            if (room < 0)
            {
                break;
            }

            count++;
        }

        return count;
    }
}
