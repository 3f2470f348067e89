using Axpo.Core;
using Axpo.Training.Objectives;
using Shouldly;
using Xunit;

namespace Axpo.Training.Tests.Objectives;

/// <summary>Weights between engine and learner against verl's (TRL's: <see cref="PolicyLossParityTests"/>).</summary>
public sealed class EngineCorrectionTests
{
    public static TheoryData<string> Names => PeerFixture.Names("verl", "rollout_is");

    [Theory]
    [MemberData(nameof(Names))]
    [Trait("Category", "Parity")]
    [Trait("Family", "objectives")]
    public void Verl(string name)
    {
        var fixture = PeerFixture.Open("verl", name);
        var tokens = new PeerTokens(fixture.Mask);
        var options = VerlOptions.Correction(fixture.Options);
        var got = EngineCorrection.Of(tokens.Jagged(Differences(fixture)), options);
        fixture.ShouldMatch(tokens.Scatter([.. got.Weights.SelectMany(w => w)]), "weights");
        got.Mean.ShouldBe(Metric("rollout_is_mean")!.Value, fixture.Tolerance * 10);
        if (options.Level == CorrectionLevel.Token)
        {
            got.Max.ShouldBe(Metric("rollout_is_max")!.Value, fixture.Tolerance * Math.Max(1, got.Max)); // of a sequence verl reports the ratio before its bound
        }

        if ((Metric("rollout_is_oob_ratio") ?? (options.Level == CorrectionLevel.Token ? Metric("rollout_is_ratio_fraction_high") : null)) is { } outside)
        {
            got.Outside.ShouldBe(outside, fixture.Tolerance);
        }

        double? Metric(string metric) => fixture.Json["metrics"]![metric] is { } node ? PeerFixture.Number(node) : null;
    }

    [Fact]
    public void Without_correction_every_weight_is_one()
    {
        var got = EngineCorrection.Of([[3, -2], []], new CorrectionOptions());
        got.Weights.ShouldBe([[1.0, 1.0], []]);
        (got.Mean, got.Max, got.Outside).ShouldBe((1, 1, 0));
    }

    [Theory]
    [InlineData(CorrectionLevel.Token)]
    [InlineData(CorrectionLevel.Sequence)]
    public void A_batch_without_loss_tokens_or_with_weights_of_zero_only_is_finite(CorrectionLevel level)
    {
        var options = new CorrectionOptions { Level = level, Mode = CorrectionMode.Mask, Normalise = true };
        EngineCorrection.Of([], options).Mean.ShouldBe(1);
        EngineCorrection.Of([[]], options).Max.ShouldBe(1);
        var none = EngineCorrection.Of([[5, 6]], options);
        none.Weights.ShouldBe([[0.0, 0.0]]);
        (none.Mean, none.Max, none.Outside).ShouldBe((0, 0, 1));
    }

    [Fact]
    public void A_sampled_token_without_log_prob_of_the_engine_counts_as_ratio_one() =>
        EngineCorrection.LogRatios([-1f, -2f], [float.NaN, -1f]).ShouldBe([0.0, -1.0]);

    internal static double[][] Differences(PeerFixture fixture) => [.. fixture.Rows("old").Zip(fixture.Rows("rollout"), (u, v) => u.Zip(v, (x, y) => x - y).ToArray())];
}
