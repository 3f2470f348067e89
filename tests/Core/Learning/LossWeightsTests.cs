using CsCheck;
using Shouldly;
using Xunit;

namespace Axpo.Core.Tests.Learning;

public sealed class LossWeightsTests
{
    public static TheoryData<LossAggregation> Modes => new(Enum.GetValues<LossAggregation>());

    [Theory]
    [InlineData(LossAggregation.TermMean, .25, .5)]
    [InlineData(LossAggregation.TokenMean, 1.0 / 5, 1.0 / 5)]
    [InlineData(LossAggregation.TokenSum, 1, 1)]
    [InlineData(LossAggregation.SeqMeanTokenMean, .125, .5)]
    [InlineData(LossAggregation.SeqMeanTokenSum, .5, .5)]
    [InlineData(LossAggregation.SeqMeanTokenSumNorm, .05, .05)]
    public void Each_aggregation_is_a_weight_a_row(LossAggregation mode, double four, double one) =>
        LossWeights.Of([4, 0, 1], [1, 7, .5], new LossDivisors(mode, Length: 10)).ShouldBe([four, 0, one], 1e-15);

    [Fact]
    public void Divisors_that_are_given_replace_what_is_counted()
    {
        LossWeights.Of([4, 1], [0, 0], new LossDivisors(LossAggregation.SeqMeanTokenSum, Rows: 8)).ShouldBe([.125, .125]);
        LossWeights.Of([4, 1], [0, 0], new LossDivisors(LossAggregation.TokenMean, Tokens: 16)).ShouldBe([.0625, .0625]);
        LossWeights.Of([4, 1], [0, 0], new LossDivisors(LossAggregation.SeqMeanTokenMean, Rows: 1, RowEpsilon: 1)).ShouldBe([.2, .5]);
    }

    [Theory]
    [MemberData(nameof(Modes))]
    public void A_permutation_of_rows_permutes_weights(LossAggregation mode) => Gen.Select(Gen.Int[0, 9].Array[1, 12], Gen.ULong).Sample((tokens, seed) =>
    {
        double[] terms = [.. tokens.Select((_, i) => 1.0 / (i + 1))];
        var order = ChanceKey.Root(seed).Stream().Permutation(tokens.Length);
        var before = LossWeights.Of(tokens, terms, new LossDivisors(mode, Length: 16));
        LossWeights.Of([.. order.Select(i => tokens[i])], [.. order.Select(i => terms[i])], new LossDivisors(mode, Length: 16)).ShouldBe(order.Select(i => before[i]));
    });

    [Theory]
    [MemberData(nameof(Modes))]
    public void Rows_without_loss_tokens_weigh_0_and_change_nothing(LossAggregation mode) => Gen.Int[0, 9].Array[1, 12].Sample(tokens =>
    {
        var weights = LossWeights.Of(tokens, new double[tokens.Length], new LossDivisors(mode));
        weights.ShouldAllBe(w => double.IsFinite(w));
        int[] some = [.. tokens.Where(n => n > 0)];
        weights.Where((_, i) => tokens[i] > 0).ShouldBe(LossWeights.Of(some, new double[some.Length], new LossDivisors(mode)));
        weights.Where((_, i) => tokens[i] == 0).ShouldAllBe(w => w == 0);
    });

    [Theory]
    [MemberData(nameof(Modes))]
    public void A_fully_masked_batch_weighs_0(LossAggregation mode)
    {
        LossWeights.Of([0, 0, 0], [1, 1, 1], new LossDivisors(mode)).ShouldBe([0, 0, 0]);
        LossWeights.Of([], [], new LossDivisors(mode)).ShouldBeEmpty();
    }

    [Theory]
    [MemberData(nameof(Modes))]
    public void The_scale_multiplies_every_weight(LossAggregation mode) =>
        LossWeights.Of([4, 1], [1, 2], new LossDivisors(mode, Scale: 4)).ShouldBe(LossWeights.Of([4, 1], [1, 2], new LossDivisors(mode)).Select(w => 4 * w));
}
