using Shouldly;
using Xunit;

namespace Axpo.Core.Tests.Algorithm;

public sealed class ConfidenceTests
{
    [Fact]
    public void It_is_the_mean_probability_from_opening_to_closing_tag()
    {
        var rollout = Calls(.1, .2, .6, .7);
        Confidence.Of(rollout, rollout.Calls[0]).ShouldBe((.1 + .2 + .6 + .7) / 4, 1e-6); // Thinking before and the answer after have probability 1 here.
    }

    [Fact]
    public void Of_an_answer_it_is_over_its_tokens_and_NaN_without_one()
    {
        var rollout = Some.Rollout(Some.Id(0, 0), Outcome.Wrong, Some.NoTool);
        rollout.LogProbs[7] = (float)Math.Log(.2);
        rollout.LogProbs[8] = (float)Math.Log(.4);
        Confidence.OfAnswer(rollout).ShouldBe(.3, 1e-6);
        Confidence.At(rollout, 0).ShouldBe(.3, 1e-6);
        rollout.PrefixEnd(0).ShouldBe(7);
        var silent = Some.Rollout(Some.Id(0, 0), Outcome.Wrong, Some.NoTool[..2]);
        Confidence.OfAnswer(silent).ShouldBe(double.NaN);
        RolloutSummaries.Of(silent, null).HasAnswer.ShouldBeFalse();
        Should.Throw<ArgumentOutOfRangeException>(() => silent.PrefixEnd(0)).Message.ShouldContain("no answer");
    }

    [Fact]
    public void A_call_that_was_cut_off_counts_to_its_end()
    {
        var rollout = Calls(.1, .3, 1, 1);
        Confidence.Of(rollout, rollout.Calls[0] with { End = rollout.Calls[0].Start + 2, Closed = false }).ShouldBe(.2, 1e-6);
    }

    [Fact]
    public void Equal_probabilities_tie_exactly_whatever_the_length()
    {
        const double p = .1;
        var expected = Math.Exp((float)Math.Log(p));
        for (var length = 1; length < 40; length++)
        {
            var rollout = Calls([.. Enumerable.Repeat(p, length)]);
            Confidence.Of(rollout, rollout.Calls[0]).ShouldBe(expected, $"{length} tokens"); // Bit for bit.
        }
    }

    [Fact]
    public void Tokens_that_were_not_sampled_do_not_count()
    {
        var rollout = Calls(.2, .9, .4, .9);
        rollout.LogProbs[6] = float.NaN;
        rollout.LogProbs[8] = float.NaN;
        Confidence.Of(rollout, rollout.Calls[0]).ShouldBe(.3, 1e-6);
        rollout.LogProbs.AsSpan().Fill(float.NaN);
        Confidence.Of(rollout, rollout.Calls[0]).ShouldBe(double.NaN);
    }

    [Fact]
    public void A_summary_holds_one_for_each_call_and_counts_own_tokens_only()
    {
        var rollout = Some.Rollout(Some.Id(0, 0).Fork(0, 1), Outcome.Wrong, [.. Some.Tool[..6], (SegmentKind.ToolCall, 2), (SegmentKind.Template, 1)], inherited: 6);
        rollout.Calls[1] = rollout.Calls[1] with { Observation = null };
        rollout.LogProbs[13] = MathF.Log(.5f);
        rollout.LogProbs[14] = 0;
        rollout.Entropies[7] = 3;
        var summary = RolloutSummaries.Of(rollout, new BlobRef("at", "hash"));
        summary.CallConfidences.ShouldBe([Math.Exp(Some.LogProb), .75], 1e-6);
        summary.CallErrors.ShouldBe([false, true]);
        (summary.Tokens, summary.SampledTokens, summary.IsToolUsing, summary.Stored!.Uri).ShouldBe((16, 5, true, "at"));
        summary.MeanEntropy.ShouldBe((1 + 3 + 1 + 1 + 1) / 5.0, 1e-9);
        RolloutSummaries.Of(Some.Rollout(Some.Id(0, 0), Outcome.Wrong, [(SegmentKind.Prompt, 2)]), null).MeanEntropy.ShouldBe(double.NaN);
    }

    /// <summary>Prompt 3, thinking 2, a call of these probabilities, an answer.</summary>
    private static Rollout Calls(params double[] probabilities)
    {
        var rollout = Some.Rollout(Some.Id(0, 0), Outcome.Wrong, [(SegmentKind.Prompt, 3), (SegmentKind.Think, 2), (SegmentKind.ToolCall, probabilities.Length), (SegmentKind.Answer, 2)]);
        for (var t = 3; t < rollout.Tokens.Length; t++)
        {
            rollout.LogProbs[t] = t >= 5 && t < 5 + probabilities.Length ? (float)Math.Log(probabilities[t - 5]) : 0;
        }

        return rollout;
    }
}
