using Axpo.Core;
using Axpo.Imaging;
using Axpo.Training.Chat;
using Axpo.Training.Tests.Tokenization;
using Axpo.Training.Tokenization;
using Shouldly;
using Xunit;

namespace Axpo.Training.Tests.Chat;

/// <summary>Images in prompts, observations and traces: as many tokens as the tower makes of them, in the places that the template gives them.</summary>
public sealed class ChatImagesTests : IDisposable
{
    private static readonly PictureProcessor Processor = new() { PatchSize = 2, TemporalPatchSize = 2, MergeSize = 2, MinPixels = 64, MaxPixels = 256 };
    private static readonly ImageRef Wide = new("a", "aa", 32, 8);
    private static readonly ImageRef Square = new("b", "bb", 100, 100);
    private static readonly Question Sample = new() { Id = "q", Suite = "s", Category = "perception", Text = "Which digit? <|image_pad|>", Answer = "7", Verifier = "exact", Images = ["x", "y"] };
    private static readonly ToolSpec Zoom = new("image_zoom_in", "Zooms.", [new ToolParameter("img_idx", "integer", false, "Which.")]);

    private readonly string _folder = Directory.CreateTempSubdirectory("axpo-test-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void A_prompt_of_Qwen3_VL_has_its_images_before_the_text()
    {
        var chat = Hf();
        chat.SeesImages.ShouldBeTrue();
        var piece = chat.EncodePrompt(Sample, [Zoom], [Wide, Square]);
        // 32 x 8 is 8 x 2 tokens of 4 pixels; 100 x 100 is brought to 16 x 16 pixels.
        piece.Images.Select(i => (i.Image, i.Length)).ShouldBe([(Wide, 16), (Square, 16)]);
        ShouldStand(chat, piece, "<|vision_start|>", "<|image_pad|>", "<|vision_end|>");
        chat.Decode(piece.Tokens.AsSpan(piece.Images[^1].End)).ShouldBe("<|vision_end|>Which digit? <|image_pad|><|im_end|>\n<|im_start|>assistant\n");
        piece.Segments.ShouldBe([new Segment(SegmentKind.Prompt, 0, piece.Tokens.Length)]);
        // What a question says of image tokens stays text.
        var pad = TokenizerFolders.Of("qwen3").Added("<|image_pad|>");
        piece.Tokens.Count(t => t == pad).ShouldBe(32);
    }

    [Theory]
    [InlineData("a crop")]
    [InlineData("")]
    public void Images_of_a_tool_are_observed(string text)
    {
        var chat = Hf();
        var piece = chat.EncodeObservation("image_zoom_in", new ToolResult(text) { Images = [Square, Wide] }, turnIsClosed: false);
        ShouldStand(chat, piece, "<|vision_start|>", "<|image_pad|>", "<|vision_end|>");
        piece.Segments.Select(s => s.Kind).ShouldBe([SegmentKind.Template, SegmentKind.Observation, SegmentKind.Template]);
        piece.Images.ShouldAllBe(i => piece.Segments[1].Start <= i.Start && i.End <= piece.Segments[1].End);
        piece.Segments[^1].End.ShouldBe(piece.Tokens.Length);
        chat.Decode(piece.Tokens).ShouldStartWith("<|im_end|>\n<|im_start|>user\n<tool_response>\n" + text);
        chat.Decode(piece.Tokens).ShouldEndWith("<|vision_end|>\n</tool_response><|im_end|>\n<|im_start|>assistant\n");
        var closed = chat.EncodeObservation("image_zoom_in", new ToolResult(text) { Images = [Square, Wide] }, turnIsClosed: true);
        closed.Tokens.ShouldBe(piece.Tokens[1..]);
        closed.Images.ShouldBe(piece.Images.Select(i => i.Shift(-1)));
    }

    [Fact]
    public void A_template_of_text_only_has_a_place_for_images_of_tools_where_ours_stands_in()
    {
        var chat = ChatFolders.Format("qwen3");
        chat.SeesImages.ShouldBeFalse();
        Should.Throw<NotSupportedException>(() => chat.EncodePrompt(Sample, [Zoom], [Wide, Square])).Message.ShouldContain("'q'");
        Should.Throw<NotSupportedException>(() => chat.EncodeObservation("image_zoom_in", new ToolResult("x") { Images = [Wide] }, turnIsClosed: false)).Message.ShouldContain("image_zoom_in");
    }

    [Fact]
    public void Other_images_than_the_question_names_are_refused() =>
        Should.Throw<ArgumentException>(() => Hf().EncodePrompt(Sample, [Zoom], [Wide])).Message.ShouldContain("has 2 images, 1 were given");

    [Fact]
    public void A_trace_holds_the_same_tokens_as_prompt_and_observation()
    {
        foreach (var chat in new IChatFormat[] { Hf(), Tiny() })
        {
            var trace = new TeacherTrace(Sample, [new TeacherStep("use image_zoom_in", "image_zoom_in", """{"bbox_2d":[0,50,100,1000]}""", "image 2")], null, "7");
            var piece = chat.EncodeTrace(trace, [Zoom], [[Wide, Square], [Square]]);
            var prompt = chat.EncodePrompt(Sample, [Zoom], [Wide, Square]);
            var observation = chat.EncodeObservation("image_zoom_in", new ToolResult("image 2") { Images = [Square] }, turnIsClosed: false);
            piece.Tokens[..prompt.Tokens.Length].ShouldBe(prompt.Tokens);
            piece.Images[..2].ShouldBe(prompt.Images);
            var at = piece.Images[2].Start - observation.Images[0].Start;
            piece.Tokens[at..(at + observation.Tokens.Length)].ShouldBe(observation.Tokens);
            piece.Segments.Where(s => s.IsSampled).Select(s => s.Kind).Distinct().ShouldBe([SegmentKind.Think, SegmentKind.ToolCall, SegmentKind.Answer, SegmentKind.EndOfTurn]);
        }
    }

    [Fact]
    public void The_tiny_format_has_its_images_behind_the_text()
    {
        var chat = Tiny();
        var piece = chat.EncodePrompt(Sample, [Zoom], [Wide, Square]);
        ShouldStand(chat, piece, "<|vision_start|>", "<|image_pad|>", "<|vision_end|>");
        chat.Decode(piece.Tokens).ShouldStartWith("<user>Which digit? <|image_pad|><|vision_start|>");
        var call = chat.EncodeTrace(new TeacherTrace(Sample, [new TeacherStep(null, "image_zoom_in", """{"bbox_2d":[450,100,750,350],"img_idx":2}""", "image 2")], null, "7"), [Zoom], [[Wide, Square], []]);
        var turn = call.Segments.Single(s => s.Kind == SegmentKind.ToolCall);
        chat.ParseTurn([], call.Tokens.AsSpan(turn.Start, turn.Length)).Call!.Arguments.ShouldBe("""{"bbox_2d":[450,100,750,350],"img_idx":2}""");
        // A coordinate is a token.
        turn.Length.ShouldBeLessThan(18);
    }

    private static void ShouldStand(IChatFormat chat, EncodedPiece piece, string before, string part, string behind)
    {
        foreach (var image in piece.Images)
        {
            chat.Decode(piece.Tokens.AsSpan(image.Start - 1, 1)).ShouldBe(before);
            chat.Decode(piece.Tokens.AsSpan(image.End, 1)).ShouldBe(behind);
            chat.Decode(piece.Tokens.AsSpan(image.Start, image.Length)).ShouldBe(string.Concat(Enumerable.Repeat(part, image.Length)));
        }
    }

    private static HfChatFormat Hf()
    {
        var tokenizer = ChatFolders.Tokenizer("qwen3-vl");
        return new(tokenizer, ChatFolders.Template("qwen3-vl"), new ChatOptions(), [], new ChatPictures(Processor, tokenizer.Added("<|image_pad|>")));
    }

    private TinyChatFormat Tiny()
    {
        TinyTokenizerBuilder.Write(_folder, TinyModel.Corpus, 40, 40, sees: true);
        return new TinyChatFormat(TextTokenizer.FromFolder(_folder), Processor);
    }
}
