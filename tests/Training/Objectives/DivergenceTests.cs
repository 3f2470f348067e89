using Axpo.Core;
using Axpo.Training.Objectives;
using TorchSharp;
using Xunit;
using static TorchSharp.torch;

namespace Axpo.Training.Tests.Objectives;

/// <summary>The divergences against verl's <c>kl_penalty</c>: value and gradient, clamps and straight-through variants included.</summary>
[Trait("Category", "Parity")]
[Trait("Family", "objectives")]
public sealed class DivergenceTests
{
    public static TheoryData<string> Names => PeerFixture.Names("verl", "kl_penalty");

    [Theory]
    [MemberData(nameof(Names))]
    public void Verl(string name)
    {
        using var scope = NewDisposeScope();
        var fixture = PeerFixture.Open("verl", name);
        var estimator = fixture.Text("estimator")!;
        var options = new ObjectiveOptions
        {
            Kl = estimator.TrimEnd('+') switch
            {
                "kl" or "k1" => KlEstimator.K1,
                "abs" => KlEstimator.Abs,
                "mse" or "k2" => KlEstimator.K2,
                "low_var_kl" or "k3" => KlEstimator.K3,
                var other => throw new InvalidDataException($"unknown estimator {other}"),
            },
            KlStraightThrough = estimator.EndsWith('+'),
            KlInputClamp = 20,
            KlClamp = 10,
        };
        var current = fixture.Input("cur").clone().requires_grad_(true);
        var value = Divergence.Of(current, fixture.Input("ref"), () => throw new InvalidOperationException("no ratio is needed"), options);
        value.sum().backward();
        fixture.ShouldMatch(Fixtures.Grid(value.detach()), "value");
        fixture.ShouldMatch(Fixtures.Grid(current.grad!), "grad_of_sum", isGradient: true);
    }
}
