using Axpo.Core;
using Shouldly;
using Xunit;

namespace Axpo.Training.Tests.Objectives;

/// <summary>Core's loss weights against verl's <c>agg_loss</c>, value and gradient: the loss is linear in its token losses, so the gradient is the weight.</summary>
[Trait("Category", "Parity")]
[Trait("Family", "objectives")]
public sealed class AggregationParityTests
{
    public static TheoryData<string> Names => PeerFixture.Names("verl", "agg_loss");

    [Theory]
    [MemberData(nameof(Names))]
    public void Verl(string name)
    {
        var fixture = PeerFixture.Open("verl", name);
        var (mask, losses) = (fixture.Mask, fixture.Rows(fixture.Text("loss_mat")!));
        var (mode, scale) = (Enum.Parse<LossAggregation>(fixture.Text("agg")!.Replace("-", "", StringComparison.Ordinal), ignoreCase: true), fixture.Option<double>("dp_size") ?? 1);
        var divisors = new LossDivisors(
            mode, fixture.Option<double>("global_batch_size"), fixture.Option<double>("batch_num_tokens"), fixture.Option<double>("loss_scale_factor") ?? mask[0].Length, 1e-8, scale);
        var weights = LossWeights.Of([.. mask.Select(row => row.Count(m => m))], new double[mask.Length], divisors);
        double[][] gradient = [.. mask.Select((row, i) => Array.ConvertAll(row, keep => keep ? weights[i] : 0))];
        var value = gradient.Zip(losses, (g, l) => g.Zip(l, (w, x) => w == 0 ? 0 : w * x).Sum()).Sum();
        if (!mask.Any(row => row.Contains(true)))
        {
            value.ShouldBe(0); // verl gives NaN.
            return;
        }

        value.ShouldBe(fixture.Scalar("value"), fixture.Tolerance * Math.Max(1, Math.Abs(fixture.Scalar("value"))));
        fixture.ShouldMatch(gradient, "grad", isGradient: true);
    }
}
