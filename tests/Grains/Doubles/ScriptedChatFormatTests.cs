namespace Axpo.Grains.Tests.Doubles;

public sealed class ScriptedChatFormatTests
{
    private static readonly Question _question = World.Ask(0) with { Images = ["a", "b"] };

    [Fact]
    public void Images_of_a_trace_stand_before_the_question_and_behind_the_text_of_their_results()
    {
        var chat = new ScriptedChatFormat(imageTokens: 2);
        var trace = new TeacherTrace(_question, [new TeacherStep("zoom", "calc", "{}", "seen"), new TeacherStep("add", "calc", "{}", "42")], null, "7");

        var piece = chat.EncodeTrace(trace, [], [[Image("a"), Image("b")], [Image("c")], []]);

        chat.Decode(piece.Tokens).ShouldBe(
            "<user><image><image><image><image>question 0</user>"
            + "<think>zoom</think><tool_call>{\"name\":\"calc\",\"arguments\":{}}</tool_call><tool_response>seen<image><image></tool_response>"
            + "<think>add</think><tool_call>{\"name\":\"calc\",\"arguments\":{}}</tool_call><tool_response>42</tool_response><answer>\\boxed{7}</answer><end>");
        piece.Images.Select(i => i.Image.Uri).ShouldBe(["a", "b", "c"]);
        piece.Images.ShouldAllBe(i => i.Length == 2 && piece.Tokens[i.Start] == ScriptedChatFormat.ImagePart && piece.Tokens[i.End - 1] == ScriptedChatFormat.ImagePart);
        piece.Images.Select(i => piece.Segments.Single(s => s.Start <= i.Start && i.End <= s.End).Kind).ShouldBe([SegmentKind.Prompt, SegmentKind.Prompt, SegmentKind.Observation]);
    }

    [Fact]
    public void A_result_of_images_alone_is_an_observation()
    {
        var piece = new ScriptedChatFormat(imageTokens: 3).EncodeObservation("zoom", new ToolResult("") { Images = [Image("a")] }, turnIsClosed: false);

        piece.Images.ShouldBe([new PlacedImage(Image("a"), 1, 4)]);
        piece.Segments.ShouldBe([new Segment(SegmentKind.Template, 0, 1), new Segment(SegmentKind.Observation, 1, 4), new Segment(SegmentKind.Template, 4, 5)]);
    }

    [Fact]
    public void A_policy_that_reads_text_only_is_shown_none_and_a_question_no_others_than_its_own()
    {
        var blind = new ScriptedChatFormat();
        blind.SeesImages.ShouldBeFalse();
        Should.Throw<NotSupportedException>(() => blind.EncodePrompt(_question, [], [Image("a"), Image("b")])).Message.ShouldContain("q0");
        Should.Throw<NotSupportedException>(() => blind.EncodeObservation("zoom", new ToolResult("") { Images = [Image("a")] }, turnIsClosed: false)).Message.ShouldContain("zoom");
        Should.Throw<ArgumentException>(() => new ScriptedChatFormat(1).EncodePrompt(_question, [], [Image("a")])).Message.ShouldContain("has 2 images, 1 were given");
    }

    private static ImageRef Image(string name) => new(name, name, 8, 8);
}
