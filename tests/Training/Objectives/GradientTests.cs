using Axpo.Core;
using Axpo.Training.Objectives;
using Shouldly;
using TorchSharp;
using Xunit;
using static TorchSharp.torch;

namespace Axpo.Training.Tests.Objectives;

/// <summary>Gradients of every loss and divergence against central finite differences in float64, at points away from the kinks of clips and clamps.</summary>
public sealed class GradientTests
{
    private const double Step = 1e-6;

    // Three sequences; log-ratios on both sides of every bound below (ln of .8, 1.4, 2 and 3; clamp 4) and the signs of advantage that make each bound hold. GSPO's means are .2, -.6 and 2.2.
    private static readonly double[] _logRatios = [.05, -.5, .5, .75, -.6, -.4, -.9, -.5, 1.3, 3.9, 4.5, -.9];
    private static readonly double[] _rowAdvantages = [1.3, -.7, -1.1];
    private static readonly double[] _mixedAdvantages = [1.3, -.8, .4, -1.5, -.7, .9, 2.1, -.3, -1.1, .6, -2.2, 1.7];
    private static readonly double[] _references = [.3, -.2, 1.1, -1.6, .05, -.07, .8, 2.4, -.9, .4, 3.5, -3.6];

    public static TheoryData<string, string> Cases
    {
        get
        {
            var data = new TheoryData<string, string>();
            foreach (var loss in PolicyLosses.Names)
            {
                foreach (var options in Variants.Keys)
                {
                    data.Add(loss, options);
                }
            }

            return data;
        }
    }

    public static TheoryData<KlEstimator, bool, bool, bool> Divergences
    {
        get
        {
            var data = new TheoryData<KlEstimator, bool, bool, bool>();
            foreach (var estimator in Enum.GetValues<KlEstimator>())
            {
                for (var bits = 0; bits < 8; bits++)
                {
                    data.Add(estimator, (bits & 1) != 0, (bits & 2) != 0, (bits & 4) != 0);
                }
            }

            return data;
        }
    }

    private static Dictionary<string, ObjectiveOptions> Variants { get; } = new(StringComparer.Ordinal)
    {
        ["plain"] = new ObjectiveOptions(),
        ["clamped"] = new ObjectiveOptions { LogRatioClamp = 4 },
        ["bounded"] = new ObjectiveOptions { DualClip = 3, RatioCap = 2, CispoCap = 2, SapoTauPositive = .7, SapoTauNegative = 1.4, DroBeta = .8 },
        ["everything"] = new ObjectiveOptions
        {
            LogRatioClamp = 4,
            DualClip = 3,
            RatioCap = 2,
            KlWeight = .3,
            KlInputClamp = 3,
            KlClamp = 8,
            KlTimesRatio = true,
            OffPolicyMask = true,
            OffPolicyThreshold = .5,
        },
    };

    [Theory]
    [MemberData(nameof(Cases))]
    public void Loss(string name, string variant)
    {
        using var scope = NewDisposeScope();
        var (loss, options) = (PolicyLosses.Get(name), Variants[variant]);

        // The token form of GSPO has the gradient of its value only where advantages and weights are those of the sequence.
        var advantages = name == "gspo" ? [.. Rows().Select(r => _rowAdvantages[r])] : _mixedAdvantages;
        double[] weights = [.. Rows().Select((r, t) => name == "gspo" ? .2 + (.1 * r) : .1 + (.03 * t))];
        double[] correction = [.. Rows().Select((r, t) => name == "gspo" ? 1.5 - (.5 * r) : t % 5 * .6)];
        double[] start = [.. Rows().Select((_, t) => -1 - (.13 * t))];
        var frozen = name == "cispo" ? Weight(start) : null;
        var current = tensor(start, requires_grad: true);
        Value(current).backward();
        ShouldBeDifferences(current.grad!, at => (frozen is null ? Value(at) : Frozen(at)).ToDouble(), start);

        Tensor Value(Tensor at) => PolicyObjective.Compute(loss, Inputs(at), options).Loss;

        ObjectiveInputs Inputs(Tensor at) => new(new LossTokens(at, tensor(start) - tensor(_logRatios), tensor(advantages), tensor(Rows()), 3), tensor(weights))
        {
            Reference = options.KlWeight > 0 && variant == "everything" ? tensor(start) + tensor(_references) : null,
            Correction = tensor(correction),
            Behaviour = tensor(start) + tensor(_references),
        };

        // CISPO's weight is detached: its gradient is that of the loss with the weight held fast.
        double[] Weight(double[] at)
        {
            var inputs = Inputs(tensor(at)).Tokens;
            return (loss.Of(inputs, options).Loss / inputs.Current).data<double>().ToArray();
        }

        Tensor Frozen(Tensor at)
        {
            var inputs = Inputs(at);
            var policy = tensor(frozen!) * at * tensor(correction) * tensor(weights);
            policy = options.OffPolicyMask ? policy * OffPolicyMask.Dropped(inputs.Tokens, inputs.Behaviour!, options).logical_not() : policy;
            var divergence = inputs.Reference is null ? zeros_like(at) : Divergence.Of(at, inputs.Reference, () => loss.Ratio(inputs.Tokens, options), options);
            return (policy + (divergence * tensor(weights) * options.KlWeight)).sum();
        }
    }

    [Theory]
    [MemberData(nameof(Divergences))]
    public void Of_a_divergence(KlEstimator estimator, bool straightThrough, bool timesRatio, bool clamped)
    {
        using var scope = NewDisposeScope();
        var options = new ObjectiveOptions { Kl = estimator, KlStraightThrough = straightThrough, KlTimesRatio = timesRatio, KlInputClamp = clamped ? 3 : 0, KlClamp = clamped ? 8 : 0 };
        double[] start = [.. Rows().Select((_, t) => -1 - (.13 * t))];
        var reference = tensor(start) + tensor(_references);
        var current = tensor(start, requires_grad: true);
        Divergence.Of(current, reference, () => Ratio(current), options).sum().backward();

        // With k2's gradient the value moves as k2 does, from where it stands.
        var plain = options with { KlStraightThrough = false, KlTimesRatio = false };
        var half = plain with { Kl = KlEstimator.K2 };
        var offset = Of(tensor(start), plain) - Of(tensor(start), half);
        ShouldBeDifferences(
            current.grad!,
            at =>
            {
                var value = straightThrough ? Of(at, half) + offset : Of(at, plain);
                return (timesRatio ? value * Ratio(at) : value).sum().ToDouble();
            },
            start);

        Tensor Of(Tensor at, ObjectiveOptions which) => Divergence.Of(at, reference, () => throw new InvalidOperationException("not asked for"), which);

        Tensor Ratio(Tensor at) => (at - (tensor(start) - tensor(_logRatios))).exp();
    }

    [Fact]
    public void Of_the_entropy_bonus_is_minus_its_weight()
    {
        using var scope = NewDisposeScope();
        var entropies = tensor(new[] { .5, 1.5, .7 }, requires_grad: true);
        var values = tensor(new[] { -1.0, -2, -3 });
        var inputs = new ObjectiveInputs(new LossTokens(values, values, zeros_like(values), zeros(3, ScalarType.Int64), 1), tensor(new[] { .25, .5, .25 })) { Entropies = entropies };
        var terms = PolicyObjective.Compute(PolicyLosses.Get("ppo"), inputs, new ObjectiveOptions { EntropyWeight = .1 });
        terms.Loss.ToDouble().ShouldBe(-.105, 1e-12);
        terms.Loss.backward();
        entropies.grad!.data<double>().ToArray().ShouldBe([-.025, -.05, -.025], 1e-12);
    }

    private static long[] Rows() => [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2];

    private static void ShouldBeDifferences(Tensor gradient, Func<Tensor, double> value, double[] start)
    {
        using var guard = no_grad();
        var got = gradient.data<double>().ToArray();
        double[] want = [.. start.Select((_, t) => (value(Moved(t, Step)) - value(Moved(t, -Step))) / (2 * Step))];
        want.Max(Math.Abs).ShouldBeGreaterThan(0);
        got.Zip(want).ShouldAllBe(p => Math.Abs(p.First - p.Second) <= 1e-6 * Math.Max(1, Math.Abs(p.Second)));

        Tensor Moved(int t, double by) => tensor(start.Select((x, i) => i == t ? x + by : x).ToArray());
    }
}
