using Shouldly;
using Xunit;

namespace Axpo.Core.Tests.Episodes;

public sealed class RolloutComparisonTests
{
    private const int Think = 3;
    private const int Observation = 10;
    private static readonly Rollout _stored = Some.Rollout(Some.Id(0, 0), Outcome.Wrong, Some.Tool) with { Answer = "7" };

    [Theory]
    [InlineData(0)]
    [InlineData(1e-4f)]
    public void What_is_equal_has_no_difference_whatever_its_attempts(float tolerance) =>
        RolloutComparison.First(_stored, Copy() with { Attempts = 2 }, tolerance).ShouldBeNull();

    [Fact]
    public void The_first_token_that_differs_is_named_with_what_it_is()
    {
        var replayed = Copy();
        replayed.Tokens[Observation] = 5;
        replayed.Tokens[Observation + 1] = 6;
        RolloutComparison.First(_stored, replayed, 0).ShouldBe(new RolloutDifference("token", Observation, SegmentKind.Observation, "110", "5"));
    }

    [Fact]
    public void A_log_prob_before_it_comes_first()
    {
        var replayed = Copy();
        replayed.Tokens[Observation] = 5;
        replayed.LogProbs[Think] = -.75f;
        RolloutComparison.First(_stored, replayed, 0).ShouldBe(new RolloutDifference("log-prob", Think, SegmentKind.Think, "-0.5", "-0.75"));
    }

    [Fact]
    public void Log_probs_are_the_same_bits_or_within_the_tolerance()
    {
        var replayed = Copy();
        replayed.LogProbs[Think] = MathF.BitIncrement(Some.LogProb);
        RolloutComparison.First(_stored, replayed, 0)!.Position.ShouldBe(Think);
        RolloutComparison.First(_stored, replayed, 1e-4f).ShouldBeNull();
        replayed.LogProbs[Think] = Some.LogProb + 2e-4f;
        RolloutComparison.First(_stored, replayed, 1e-4f)!.Position.ShouldBe(Think);
        replayed.LogProbs[Think] = float.NaN;
        RolloutComparison.First(_stored, replayed, 1e-4f)!.Replayed.ShouldBe("none");
    }

    [Fact]
    public void A_rollout_that_ends_earlier_differs_at_its_end()
    {
        var longer = Some.Rollout(_stored.Id, Outcome.Wrong, [.. Some.Tool, (SegmentKind.Think, 2)]);
        RolloutComparison.First(_stored, longer, 0).ShouldBe(new RolloutDifference("token", _stored.Tokens.Length, SegmentKind.Think, "the end", $"{100 + _stored.Tokens.Length}"));
        RolloutComparison.First(longer, _stored, 0).ShouldBe(new RolloutDifference("token", _stored.Tokens.Length, SegmentKind.Think, $"{100 + _stored.Tokens.Length}", "the end"));
    }

    [Fact]
    public void Segments_calls_end_answer_and_outcome_are_compared_in_this_order()
    {
        var outcome = Copy() with { Outcome = Outcome.Correct };
        First(outcome).ShouldBe(("outcome", null, "wrong", "correct"));
        var answer = outcome with { Answer = null };
        First(answer).ShouldBe(("answer", null, "7", "none"));
        var end = answer with { End = EndReason.TurnLimit };
        First(end).ShouldBe(("end", null, "answered", "turn-limit"));
        var call = end with { Calls = [end.Calls[0] with { Observation = "other" }] };
        First(call).ShouldBe(("call 1: observation", 5, "out", "other"));
        First(end with { Calls = [] }).ShouldBe(("number of calls", null, "1", "0"));
        First(end with { Calls = [end.Calls[0] with { IsError = true }] }).ShouldBe(("call 1: whether the observation is an error", 5, "no", "yes"));
        var segments = call with { Segments = [call.Segments[0], new Segment(SegmentKind.Answer, 3, 5), .. call.Segments[2..]] };
        First(segments).ShouldBe(("segment 2", 3, "think, tokens 3 to 4", "answer, tokens 3 to 4"));
        First(call with { Segments = call.Segments[..^1] }).ShouldBe(("number of segments", null, "8", "7"));
    }

    private static (string What, int? Position, string Stored, string Replayed)? First(Rollout replayed) =>
        RolloutComparison.First(_stored, replayed, 0) is { } d ? (d.What, d.Position, d.Stored, d.Replayed) : null;

    private static Rollout Copy() => _stored with { Tokens = [.. _stored.Tokens], LogProbs = [.. _stored.LogProbs] };
}
