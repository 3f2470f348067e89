using Axpo.Core;
using Axpo.Imaging;
using Axpo.Training.Tokenization;

namespace Axpo.Training.Chat;

/// <summary>
/// The terse format of axpo-tiny: <c>&lt;user&gt;question&lt;im_end&gt;</c>, then the policy's own
/// <c>&lt;think&gt;..&lt;/think&gt;&lt;tool_call&gt;{..}&lt;/tool_call&gt;</c>, answered by <c>&lt;tool_response&gt;..&lt;/tool_response&gt;</c>, until
/// <c>&lt;answer&gt;\boxed{..}&lt;/answer&gt;&lt;im_end&gt;</c>. Every tag is one token. Images stand behind the text of a question or a response. Thread-safe.
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
    private readonly ChatPictures? _pictures;
    private readonly int[] _image = [];

    /// <summary>Creates the format over a tokenizer that has its tags.</summary>
    /// <param name="tokenizer">The tokenizer.</param>
    /// <param name="processor">How images are prepared, where the tokenizer has the tags of pictures (<see cref="TinyTokenizerBuilder.PictureTags"/>); null: the policy reads text only.</param>
    /// <exception cref="KeyNotFoundException">A tag is missing.</exception>
    public TinyChatFormat(TextTokenizer tokenizer, PictureProcessor? processor = null)
    {
        _tokenizer = tokenizer;
        if (processor is not null)
        {
            _image = [.. TinyTokenizerBuilder.PictureTags.Take(3).Select(tokenizer.Added)];
            _pictures = new ChatPictures(processor, _image[1]);
        }

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
    public bool SeesImages => _pictures is not null;

    /// <inheritdoc/>
    public int[] StopTokens { get; }

    /// <inheritdoc/>
    public EncodedPiece EncodePrompt(Question question, IReadOnlyList<ToolSpec> tools, IReadOnlyList<ImageRef>? images = null)
    {
        ChatPictures.Check(question, images ?? [], _pictures);
        int[] tokens = [_user, .. _tokenizer.Encode(question.Text), .. Marks(images ?? []), _endOfTurn];
        return Placed(new EncodedPiece(tokens, [new Segment(SegmentKind.Prompt, 0, tokens.Length)]), images ?? []);
    }

    /// <inheritdoc/>
    public EncodedPiece EncodeObservation(string toolName, ToolResult result, bool turnIsClosed)
    {
        ChatPictures.Check(toolName, result, _pictures);
        var writer = new PieceWriter();
        writer.Add(SegmentKind.Template, _openResponse);
        writer.Add(SegmentKind.Observation, [.. _tokenizer.Encode(result.Text), .. Marks(result.Images)]);
        writer.Add(SegmentKind.Template, _closeResponse);
        return Placed(writer.Done(), result.Images);
    }

    /// <inheritdoc/>
    public ParsedTurn ParseTurn(ReadOnlySpan<int> prefix, ReadOnlySpan<int> tokens) => TurnParser.Parse(_tokenizer, _turnTags, prefix, tokens);

    /// <inheritdoc/>
    public EncodedPiece EncodeTrace(TeacherTrace trace, IReadOnlyList<ToolSpec> tools, IReadOnlyList<IReadOnlyList<ImageRef>>? images = null)
    {
        var writer = new PieceWriter();
        writer.Add(EncodePrompt(trace.Question, tools, images?[0]));
        for (var i = 0; i < trace.Steps.Count; i++)
        {
            var step = trace.Steps[i];
            writer.Add(SegmentKind.Think, Think(step.Think));
            writer.Add(SegmentKind.ToolCall, _tokenizer.EncodeTrusted($$"""<tool_call>{"name":"{{step.Tool}}","arguments":{{step.ArgumentsJson}}}</tool_call>"""));
            writer.Add(EncodeObservation(step.Tool, new ToolResult(step.Observation) { Images = [.. images?[i + 1] ?? []] }, turnIsClosed: false));
        }

        writer.Add(SegmentKind.Think, Think(trace.FinalThink));
        writer.Add(SegmentKind.Answer, [_openAnswer, .. _tokenizer.EncodeTrusted("\\boxed{"), .. _tokenizer.Encode(trace.Answer), .. _tokenizer.Encode("}"), _closeAnswer]);
        writer.Add(SegmentKind.EndOfTurn, _endOfTurn);
        return writer.Done();
    }

    /// <inheritdoc/>
    public string Decode(ReadOnlySpan<int> tokens) => _tokenizer.Decode(tokens);

    private int[] Marks(IReadOnlyList<ImageRef> images) => [.. images.SelectMany(_ => _image)];

    private EncodedPiece Placed(EncodedPiece piece, IReadOnlyList<ImageRef> images) => images.Count == 0 ? piece : _pictures!.Place(piece, images);

    private int[] Think(string? text) => string.IsNullOrEmpty(text) ? [] : _tokenizer.EncodeTrusted($"<think>{text}</think>");
}
