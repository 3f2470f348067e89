using Axpo.Core;
using Axpo.Silo.Reports;
using Axpo.Testing;
using Shouldly;
using Xunit;

namespace Axpo.Silo.Tests.Reports;

public sealed class ReportGroupsTests
{
    private static readonly RunConfiguration Configuration = new() { Objective = new ObjectiveOptions { Epsilon = 0 } };

    [Fact]
    public void Advantages_are_those_of_the_method_prefix_and_continuations()
    {
        Rollout[] all = [.. Enumerable.Range(0, 8).Select(i => Calling(i, Outcome.Wrong)), .. Enumerable.Range(0, 4).Select(k => Fork(2, k, k == 1 ? Outcome.Correct : Outcome.Wrong))];
        var group = ReportGroups.Of(all, [], [], null, Configuration).ShouldHaveSingleItem();
        group.Triggered.ShouldBeTrue();
        group.Recovered.ShouldBeTrue();
        group.Rollouts[2].Advantage!.Value.ShouldBe(2.4749, 1e-4);
        group.Rollouts[0].Advantage.ShouldBe(0);
        group.Prefixes.ShouldHaveSingleItem().Source.ShouldBe(2);
        group.Prefixes[0].Continuations.Select(c => Math.Round(c.Advantage!.Value, 4)).ShouldBe([-.5, 1.5, -.5, -.5]);
    }

    [Theory]
    [InlineData("grpo", .8660)]
    [InlineData("tree", .8660 + .7071)]
    public void Branches_are_rollouts_of_their_group_in_the_places_behind_the_others(string advantage, double expected)
    {
        var branching = Configuration with { Branching = new BranchingOptions { Rule = BranchingRule.Entropy }, Objective = Configuration.Objective with { Advantage = advantage } };
        var (wrong, right) = (Calling(0, Outcome.Wrong), Calling(1, Outcome.Correct));
        Rollout[] all = [right, Branch(right, Outcome.Wrong), Branch(wrong, Outcome.Correct), wrong];
        var group = ReportGroups.Of(all, [new(Branch(right, Outcome.Wrong).Id with { Rollout = 2 }, VoidCause.EngineFault, "", 3)], [], null, branching).ShouldHaveSingleItem();
        group.Prefixes.ShouldBeEmpty();
        group.Rollouts.Select(r => (r.Index, r.Outcome)).ShouldBe([(0, Outcome.Wrong), (1, Outcome.Correct), (2, Outcome.Correct), (3, Outcome.Wrong), (4, Outcome.Void)]);
        group.Rollouts.Take(4).Select(r => Math.Round(r.Advantage!.Value, 3)).ShouldBe([Math.Round(-expected, 3), Math.Round(expected, 3), Math.Round(expected, 3), Math.Round(-expected, 3)]);

        static Rollout Branch(Rollout source, Outcome outcome) => source with { Id = source.Id.Fork(new Branch(0, 0, BranchPoint.Turn)), Outcome = outcome, InheritedTokens = 1 };
    }

    [Fact]
    public void A_correct_call_or_no_call_at_all_triggers_nothing()
    {
        ReportGroups.Of([Calling(0, Outcome.Wrong), Calling(1, Outcome.Correct)], [], [], null, Configuration)[0].Triggered.ShouldBeFalse();
        ReportGroups.Of([Calling(0, Outcome.Wrong) with { Calls = [] }], [], [], null, Configuration)[0].Triggered.ShouldBeFalse();
    }

    [Fact]
    public void A_prefix_before_the_answer_shows_as_one()
    {
        var noTool = Configuration with { Resample = new ResampleOptions { Trigger = ResampleTrigger.NoTool } };
        var source = Answering(0, Outcome.Wrong);
        Rollout[] all = [source, Answering(1, Outcome.Wrong), .. Enumerable.Range(0, 4).Select(k => Answering(0, k == 1 ? Outcome.Correct : Outcome.Wrong) with { Id = source.Id.Fork(0, k), InheritedTokens = 3 })];
        var group = ReportGroups.Of(all, [], [], null, noTool).ShouldHaveSingleItem();
        (group.Triggered, group.Recovered).ShouldBe((true, true));
        group.Prefixes.ShouldHaveSingleItem().Confidence.ShouldBe(.5, 1e-6);
        group.Rollouts[0].Advantage!.Value.ShouldBe(.7071, 1e-4);
        group.Prefixes[0].Continuations.Select(c => Math.Round(c.Advantage!.Value, 4)).ShouldBe([-.5, 1.5, -.5, -.5]);
        ReportGroups.Of(all, [], [], null, Configuration)[0].Triggered.ShouldBeFalse();
    }

    [Fact]
    public void An_estimator_over_the_whole_batch_has_no_advantages_for_one_group() =>
        ReportGroups.Of([Calling(0, Outcome.Wrong), Calling(1, Outcome.Correct)], [], [], null, Configuration with { Objective = new ObjectiveOptions { Advantage = "reinforce++" } })[0]
            .Rollouts.ShouldAllBe(r => r.Advantage == null);

    [Fact]
    public void A_rollout_that_only_the_ledger_names_is_void_in_its_place()
    {
        DropRecord[] drops = [new(Calling(1, Outcome.Wrong).Id, VoidCause.EngineFault, "", 3), new(new EpisodeId("r", Phase.Train, 2, 0, 5), VoidCause.SiloLost, "", 3)];
        var rollouts = ReportGroups.Of([Calling(0, Outcome.Wrong), Calling(2, Outcome.Correct)], drops, [], null, Configuration)[0].Rollouts;
        rollouts.Select(r => (r.Index, r.Outcome)).ShouldBe([(0, Outcome.Wrong), (1, Outcome.Void), (2, Outcome.Correct)]);
        rollouts[1].Cause.ShouldBe(VoidCause.EngineFault);
    }

    [Fact]
    public void Samples_are_recovered_and_failed_prefixes_and_one_ordinary_group_with_spread()
    {
        ReportGroup[] groups = [Shown(0, null), Shown(1, true), Shown(2, true), Shown(3, true), Shown(4, true), Shown(5, false), Shown(6, null, spread: true)];
        ReportGroups.Choose(groups).Select(g => g.Question).ShouldBe([1, 2, 3, 5, 6]);
        ReportGroups.Choose([Shown(1, true), Shown(2, false), Shown(3, false), Shown(4, false), Shown(5, false)]).Select(g => g.Question).ShouldBe([1, 2, 3, 4]);
        ReportGroups.Choose([]).ShouldBeEmpty();
    }

    [Theory]
    [InlineData(PrefixSpan.Whole, "Think Own, ToolCall Own, Template Own, Observation Own, Think Own, ToolCall Own, ToolCall Masked")]
    [InlineData(PrefixSpan.Segment, "Think Inherited, ToolCall Inherited, Template Inherited, Observation Inherited, Think Own, ToolCall Own, ToolCall Masked")]
    public void What_a_prefix_is_credited_on_is_its_own(PrefixSpan span, string roles)
    {
        (SegmentKind Kind, int Length)[] shape = [(SegmentKind.Prompt, 2), (SegmentKind.Think, 1), (SegmentKind.ToolCall, 3), (SegmentKind.Template, 1), (SegmentKind.Observation, 2), (SegmentKind.Think, 1), (SegmentKind.ToolCall, 3)];
        int[] starts = [.. shape.Select((_, i) => shape[..i].Sum(s => s.Length))];
        Segment[] segments = [.. shape.Select((s, i) => new Segment(s.Kind, starts[i], starts[i] + s.Length))];
        bool[] sampled = [.. segments.SelectMany(s => Enumerable.Repeat(s.IsSampled, s.End - s.Start))];
        var source = Calling(0, Outcome.Wrong) with
        {
            Tokens = [.. sampled.Select((_, t) => t)],
            LogProbs = [.. sampled.Select(s => s ? -.5f : float.NaN)],
            Entropies = [.. sampled.Select(s => s ? .1f : float.NaN)],
            Versions = [.. sampled.Select(s => s ? 0 : -1)],
            Segments = segments,
            Calls = [.. segments.Where(s => s.Kind == SegmentKind.ToolCall).Select((s, i) => new ToolCall { Turn = i, Start = s.Start, PrefixEnd = s.Start + 1, End = s.End, Closed = true })],
        };
        var continuation = source with { Id = source.Id.Fork(1, 0), InheritedTokens = source.PrefixEnd(1), Outcome = Outcome.Correct };

        var group = ReportGroups.Of([source, continuation], [], [], new ScriptedChatFormat(), Configuration with { Resample = new ResampleOptions { PrefixSpan = span } }).ShouldHaveSingleItem();

        string.Join(", ", group.Rollouts[0].Pieces.Select(p => $"{p.Kind} {p.Role}")).ShouldBe(roles);
    }

    [Fact]
    public void An_image_is_one_mark_in_the_text_by_the_index_that_calls_use()
    {
        var chat = new ScriptedChatFormat(imageTokens: 36);
        ImageRef wide = new("w", "w", 512, 300), crop = new("c", "c", 24, 32);
        var trace = new TeacherTrace(
            new Question { Id = "q", Suite = "s", Category = "perception", Text = "Which digit is it?", Answer = "7", Verifier = "exact", Images = ["a", "b"] },
            [new TeacherStep("look", "image_zoom_in", """{"bbox_2d":[-50,100,500,1000],"img_idx":1}""", "image 2"), new TeacherStep(null, "image_zoom_in", """{"bbox_2d":[0,0,9,9],"img_idx":3}""", "no such image")],
            null,
            "7");
        var piece = chat.EncodeTrace(trace, [], [[wide, wide], [crop], []]);
        var rollout = Calling(0, Outcome.Wrong) with
        {
            Tokens = piece.Tokens,
            LogProbs = [.. piece.Tokens.Select(_ => float.NaN)],
            Entropies = [.. piece.Tokens.Select(_ => float.NaN)],
            Versions = [.. piece.Tokens.Select(_ => -1)],
            Segments = piece.Segments,
            Images = piece.Images,
            Calls = [.. piece.Segments.Where(s => s.Kind == SegmentKind.ToolCall).Select((s, i) => new ToolCall
            {
                Turn = i,
                Start = s.Start,
                PrefixEnd = s.Start + 1,
                End = s.End,
                Closed = true,
                Name = trace.Steps[i].Tool,
                Arguments = trace.Steps[i].ArgumentsJson,
            })],
        };

        var group = ReportGroups.Of([rollout], [], [], chat, Configuration).ShouldHaveSingleItem();
        group.Text.ShouldBe("[image 0, 512 x 300][image 1, 512 x 300]\nWhich digit is it?");
        group.Images.ShouldBe([wide, wide]);
        var shown = group.Rollouts.ShouldHaveSingleItem();
        shown.Images.ShouldBe([wide, wide, crop]);
        shown.Pieces.Where(p => p.Kind == SegmentKind.Observation).Select(p => (p.Text, string.Join(' ', p.Images))).ShouldBe([("image 2[image 2, 24 x 32]", "2"), ("no such image", "")]);
        shown.Pieces.Where(p => p.Kind == SegmentKind.ToolCall).Select(p => p.Zoom).ShouldBe([new ZoomFrame(1, 0, 100, 500, 1000), null]);
        shown.Pieces.Where(p => p.Kind is not (SegmentKind.ToolCall or SegmentKind.Observation)).ShouldAllBe(p => p.Zoom == null && p.Images.Count == 0);
    }

    private static ReportGroup Shown(int question, bool? recovered, bool spread = false)
    {
        ReportRollout wrong = new() { Index = 0, Outcome = Outcome.Wrong, IsToolUsing = true };
        return new ReportGroup
        {
            Phase = Phase.Train,
            Step = 1,
            Question = question,
            Suite = "s",
            Rollouts = spread ? [wrong, wrong with { Index = 1, Outcome = Outcome.Correct }] : [wrong],
            Prefixes = recovered is { } r ? [new ReportPrefix(0, .5, [wrong with { Outcome = r ? Outcome.Correct : Outcome.Wrong }])] : [],
        };
    }

    /// <summary>Prompt, call of two tokens, answer.</summary>
    private static Rollout Calling(int rollout, Outcome outcome) => new()
    {
        Id = new EpisodeId("r", Phase.Train, 1, 0, rollout),
        QuestionId = "q",
        Suite = "s",
        Tokens = [1, 2, 3, 4],
        LogProbs = [float.NaN, -.5f, -.5f, -.5f],
        Entropies = [float.NaN, .1f, .1f, .1f],
        Versions = [-1, 0, 0, 0],
        Segments = [new Segment(SegmentKind.Prompt, 0, 1), new Segment(SegmentKind.ToolCall, 1, 3), new Segment(SegmentKind.Answer, 3, 4)],
        Calls =
        [
            new ToolCall
            {
                Turn = 0,
                Start = 1,
                PrefixEnd = 2,
                End = 3,
                Closed = true,
            },
        ],
        Outcome = outcome,
        End = EndReason.Answered,
        Turns = 1,
    };

    private static Rollout Answering(int rollout, Outcome outcome) => Calling(rollout, outcome) with
    {
        LogProbs = [float.NaN, -.5f, -.5f, MathF.Log(.5f)],
        Segments = [new Segment(SegmentKind.Prompt, 0, 1), new Segment(SegmentKind.Think, 1, 3), new Segment(SegmentKind.Answer, 3, 4)],
        Calls = [],
    };

    private static Rollout Fork(int source, int k, Outcome outcome) => Calling(source, outcome) with { Id = Calling(source, outcome).Id.Fork(0, k), InheritedTokens = 2 };
}
