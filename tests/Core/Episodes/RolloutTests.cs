using Shouldly;
using Xunit;

namespace Axpo.Core.Tests.Episodes;

public sealed class RolloutTests
{
    private static Rollout Good => Some.Rollout(Some.Id(2, 3), Outcome.Wrong, Some.Tool, inherited: 6);

    public static TheoryData<string, Func<Rollout, Rollout>, string> Faults => new()
    {
        { "a log-prob is missing", r => r with { LogProbs = r.LogProbs[1..] }, "15 log-probs" },
        { "an entropy is missing", r => r with { Entropies = r.Entropies[1..] }, "15 entropies" },
        { "a version is missing", r => r with { Versions = r.Versions[1..] }, "15 versions" },
        { "a gap", r => r with { Segments = [r.Segments[0], .. r.Segments[2..]] }, "does not follow token 3" },
        { "an empty segment", r => r with { Segments = [new Segment(SegmentKind.Prompt, 0, 0), .. r.Segments] }, "does not follow token 0" },
        { "an overlap", r => r with { Segments = [r.Segments[0], new Segment(SegmentKind.Think, 2, 5), .. r.Segments[2..]] }, "does not follow token 3" },
        { "an end too early", r => r with { Segments = r.Segments[..^1] }, "segments end at 15, tokens at 16" },
        { "an end too late", r => r with { Segments = [.. r.Segments, new Segment(SegmentKind.Template, 16, 17)] }, "segments end at 17, tokens at 16" },
        { "a sampled token without log-prob", r => r with { LogProbs = [.. r.LogProbs.Select((l, i) => i == 14 ? float.NaN : l)] }, "token 14 in Answer" },
        { "an observation with log-prob", r => r with { LogProbs = [.. r.LogProbs.Select((l, i) => i == 10 ? -1f : l)] }, "token 10 in Observation" },
        { "a prompt with log-prob", r => r with { LogProbs = [.. r.LogProbs.Select((l, i) => i == 0 ? -1f : l)] }, "token 0 in Prompt" },
    };

    [Fact]
    public void A_good_one_passes() => Should.NotThrow(Good.Validate);

    [Theory]
    [MemberData(nameof(Faults))]
    public void A_fault_is_named(string fault, Func<Rollout, Rollout> spoil, string expected)
    {
        var message = Should.Throw<InvalidDataException>(spoil(Good).Validate, fault).Message;
        message.ShouldContain(expected);
        message.ShouldContain("run/train/1/2/3");
    }

    [Fact]
    public void Own_sampled_tokens_are_those_after_the_inherited_ones()
    {
        Good.SampledTokens.ShouldBe(6);
        (Good with { InheritedTokens = 0 }).SampledTokens.ShouldBe(9);
        (Good with { InheritedTokens = 16 }).SampledTokens.ShouldBe(0);
    }

    [Fact]
    public void A_branch_begins_at_a_call_at_the_answer_or_at_a_turn()
    {
        Good.TurnStarts.ShouldBe([3, 13]);
        Good.PrefixEnd(new Branch(0, 5)).ShouldBe(6);
        Good.PrefixEnd(new Branch(1, 5)).ShouldBe(13);
        Good.PrefixEnd(new Branch(0, 5, BranchPoint.Turn)).ShouldBe(3);
        Good.PrefixEnd(new Branch(1, 5, BranchPoint.Turn)).ShouldBe(13);
        Should.Throw<ArgumentOutOfRangeException>(() => Good.PrefixEnd(new Branch(2, 0, BranchPoint.Turn))).Message.ShouldContain("run/train/1/2/3 has 2 turns with sampled tokens");
    }

    [Fact]
    public void The_entropy_of_a_turn_is_the_mean_over_its_first_20_tokens()
    {
        var rollout = Some.Rollout(Some.Id(0, 0), Outcome.Wrong, [(SegmentKind.Prompt, 3), (SegmentKind.Think, 30), (SegmentKind.ToolCall, 4), (SegmentKind.Template, 1), (SegmentKind.Answer, 2), (SegmentKind.EndOfTurn, 1)]);
        rollout = rollout with { Entropies = [.. rollout.Entropies.Select((e, t) => float.IsNaN(e) ? e : t)] };
        RolloutSummaries.Of(rollout, null).TurnEntropies.ShouldBe([12.5, 39]); // Tokens 3 to 22 and 38 to 40.
    }

    [Fact]
    public void A_rollout_is_tool_using_by_its_calls()
    {
        Good.IsToolUsing.ShouldBeTrue();
        Some.Rollout(Some.Id(0, 0), Outcome.Correct, Some.NoTool).IsToolUsing.ShouldBeFalse();
    }
}
