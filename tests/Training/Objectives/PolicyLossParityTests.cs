using Axpo.Core;
using Axpo.Training.Objectives;
using Shouldly;
using TorchSharp;
using Xunit;
using static TorchSharp.torch;

namespace Axpo.Training.Tests.Objectives;

/// <summary>Every policy loss, with divergence, correction, rejection and aggregation, against what verl's and TRL's own functions returned: value, gradient and clip fractions.</summary>
[Trait("Category", "Parity")]
[Trait("Family", "objectives")]
public sealed class PolicyLossParityTests
{
    private static readonly string[] _foreign = ["geo_mean", "dppo_kl", "dppo_tv", "kl_cov", "clip_cov"];

    public static TheoryData<string> VerlNames => PeerFixture.Names("verl", "policy_loss");

    public static TheoryData<string> TrlNames => PeerFixture.Names("trl", "trl_loss");

    [Theory]
    [MemberData(nameof(VerlNames))]
    public void Verl(string name)
    {
        using var scope = NewDisposeScope();
        var fixture = PeerFixture.Open("verl", name);
        var loss = fixture.Text("loss")!;
        Assert.SkipWhen(_foreign.Contains(loss), $"{name}: {loss} is not one of our losses");
        var options = fixture.Options;
        var (correction, rejection, old) = (fixture.Json["rollout_is"], fixture.Json["rollout_rs"], fixture.Rows(fixture.Text("old")!));
        var generated = fixture.Rows("old");
        if (loss == "bypass_mode")
        {
            // The engine's policy is the old one, and what corrects or rejects is formed with the current policy instead of the old one.
            generated = fixture.Rows("cur");
            var bypass = options["rollout_correction"]!;
            loss = bypass["loss_type"]!.GetValue<string>() == "reinforce" ? "gpg" : "vanilla";
            (correction, rejection) = (loss == "gpg" ? bypass : null, bypass);
        }

        var objective = new ObjectiveOptions
        {
            ClipLow = fixture.Option<double>("clip_ratio_low") ?? .2,
            ClipHigh = fixture.Option<double>("clip_ratio_high") ?? .2,
            DualClip = loss == "vanilla" ? fixture.Option<double>("clip_ratio_c") ?? 3 : 0,
            LogRatioClamp = 20,
            DroBeta = fixture.Option<double>("dro_beta") ?? .5,
            SapoTauPositive = fixture.Option<double>("tau_pos") ?? 1,
            SapoTauNegative = fixture.Option<double>("tau_neg") ?? 1.05,
        };

        // Weights look at every token, rejection takes tokens out of the loss and its denominators.
        var all = new PeerTokens(fixture.Mask);
        double[][] ratios = all.Jagged([.. generated.Zip(fixture.Rows("rollout"), (u, v) => u.Zip(v, (x, y) => x - y).ToArray())]);
        var weights = all.Scatter([.. EngineCorrection.Of(ratios, VerlOptions.Correction(correction)).Weights.SelectMany(w => w)]);
        var kept = all.Scatter([.. Rejection.Kept(ratios, VerlOptions.Rejection(rejection)).SelectMany(k => k).Select(k => k ? 1.0 : 0)]);
        var tokens = new PeerTokens([.. kept.Select(row => Array.ConvertAll(row, k => k != 0))]);
        var batch = options["global_batch_info"];
        var width = fixture.Mask[0].Length;
        var scale = batch?["dp_size"]?.GetValue<double>() ?? 1;
        var divisors = new LossDivisors(
            VerlOptions.Aggregation(fixture.Text("agg")!),
            batch?["global_batch_size"]?.GetValue<double>(),
            batch?["batch_num_tokens"]?.GetValue<double>(),
            batch?["loss_scale_factor"]?.GetValue<double>() ?? width,
            1e-8);
        double[][] advantages = fixture.Text("advantages") == "token" ? fixture.Rows("adv_token") : [.. fixture.Row("adv_row").Select(a => Enumerable.Repeat(a, width).ToArray())];
        var current = tokens.Flat(fixture.Rows("cur")).requires_grad_(true);
        double[] rows = [.. LossWeights.Of(tokens.Counts, new double[tokens.Counts.Length], divisors).Select(w => w * scale)];
        var terms = Compute(
            loss switch
            {
                "vanilla" => "ppo",
                "gpg" => "policy-gradient",
                _ => loss,
            },
            tokens,
            new LossTokens(current, tokens.Flat(old), tokens.Flat(advantages), tokens.Rows, tokens.Counts.Length),
            rows,
            i => i with { Correction = tokens.Flat(weights) },
            objective);
        if (tokens.Count == 0)
        {
            terms.Loss.ToDouble().ShouldBe(0); // verl gives NaN.
            return;
        }

        terms.Loss.ToDouble().ShouldBe(fixture.Scalar("value"), fixture.Tolerance * Math.Max(1, Math.Abs(fixture.Scalar("value"))));
        terms.Loss.backward();
        fixture.ShouldMatch(tokens.Scatter(current.grad!.data<double>().ToArray()), "grad", isGradient: true);
        Share("actor/pg_clipfrac", terms.Clipped);
        Share("actor/pg_clipfrac_lower", terms.DualClipped);

        void Share(string metric, Tensor which)
        {
            if (fixture.Json["metrics"]?[metric] is { } want)
            {
                (which.sum().ToDouble() / tokens.Count).ShouldBe(PeerFixture.Number(want), fixture.Tolerance, metric);
            }
        }
    }

    [Theory]
    [MemberData(nameof(TrlNames))]
    public void Trl(string name)
    {
        using var scope = NewDisposeScope();
        var fixture = PeerFixture.Open("trl", name);
        var used = fixture.Json["options_used"]!;
        var (kind, isSequence) = (used["loss_type"]!.GetValue<string>(), used["importance_sampling_level"]!.GetValue<string>() == "sequence");
        Assert.SkipWhen(isSequence && kind is "cispo" or "sapo", $"{name}: {kind} with one ratio a sequence is not one of our losses");
        Assert.SkipWhen(Used("top_entropy_quantile") is < 1, $"{name}: the entropy mask is not one of our options");
        var objective = new ObjectiveOptions
        {
            ClipLow = Used("epsilon_low") ?? .2,
            ClipHigh = Used("epsilon_high") ?? .2,
            RatioCap = Used("delta") ?? 0,
            CispoCap = Used("epsilon_high") ?? .2,
            KlWeight = Used("beta") ?? 0,
            KlTimesRatio = used["use_bias_correction_kl"]!.GetValue<bool>(),
            OffPolicyMask = Used("off_policy_mask_threshold") is not null,
            OffPolicyThreshold = Used("off_policy_mask_threshold") ?? 0,
            SapoTauPositive = Used("sapo_temperature_pos") ?? 1,
            SapoTauNegative = Used("sapo_temperature_neg") ?? 1.05,
            Correction = Correction(fixture),
        };
        bool[][] mask = fixture.Has("mask")
            ? [.. Fixtures.Grid(fixture.Output("mask")).Select(row => Array.ConvertAll(row, m => m != 0))]
            : [.. fixture.Rows("completion_mask").Zip(fixture.Rows("tool_mask"), (c, t) => c.Zip(t, (x, y) => x * y != 0).ToArray())];
        var tokens = new PeerTokens(mask);
        double[][] LogProbs(string input, string output) => fixture.Has(output) ? Fixtures.Grid(fixture.Output(output)) : fixture.Rows(input);
        var (old, engine) = (LogProbs("old", "old_logps"), fixture.Rows("rollout"));

        var weights = EngineCorrection.Of(tokens.Jagged([.. old.Zip(engine, (u, v) => u.Zip(v, (x, y) => x - y).ToArray())]), objective.Correction).Weights;
        if (fixture.Has("importance_sampling_ratio"))
        {
            var want = Fixtures.Grid(fixture.Output("importance_sampling_ratio"));
            for (var i = 0; i < mask.Length; i++)
            {
                double[] row = want[i].Length == 1 ? [.. Enumerable.Repeat(want[i][0], weights[i].Length)] : [.. want[i].Where((_, t) => mask[i][t])];
                weights[i].Zip(row).ShouldAllBe(p => Math.Abs(p.First - p.Second) <= fixture.Tolerance * Math.Max(1, p.Second));
            }
        }

        var (rows, steps) = (mask.Length * Used("gradient_accumulation_steps")!.Value, Used("gradient_accumulation_steps")!.Value);
        var divisors = kind switch
        {
            "grpo" or "sapo" => new LossDivisors(LossAggregation.SeqMeanTokenMean, Rows: rows),
            "bnpo" => new LossDivisors(LossAggregation.TokenMean, Tokens: Math.Max(1, tokens.Count) * steps),
            "dr_grpo" => new LossDivisors(LossAggregation.SeqMeanTokenSumNorm, Rows: rows, Length: Used("max_completion_length")!.Value),
            "luspo" => new LossDivisors(LossAggregation.SeqMeanTokenSum, Rows: rows),
            "dapo" or "cispo" => new LossDivisors(LossAggregation.TokenMean, Tokens: Math.Max(1, Used("num_items_in_batch")!.Value) * steps / Used("steps_per_generation")!.Value),
            _ => throw new InvalidDataException($"unknown loss {kind}"),
        };
        var advantages = fixture.Output("advantages").data<double>().ToArray();
        var current = tokens.Flat(LogProbs("cur", "logps")).requires_grad_(true);
        var terms = Compute(
            kind is "cispo" or "sapo" ? kind : isSequence ? "gspo" : "ppo",
            tokens,
            new LossTokens(current, tokens.Flat(old), tokens.Flat([.. mask.Select((row, i) => Enumerable.Repeat(advantages[i], row.Length).ToArray())]), tokens.Rows, mask.Length),
            LossWeights.Of(tokens.Counts, new double[mask.Length], divisors),
            i => i with
            {
                Correction = tensor(weights.SelectMany(w => w).ToArray(), dtype: ScalarType.Float64),
                Reference = objective.KlWeight == 0 ? null : tokens.Flat(LogProbs("ref", "ref_logps")),
                Behaviour = tokens.Flat(engine),
            },
            objective);
        terms.Loss.ToDouble().ShouldBe(fixture.Scalar("value"), fixture.Tolerance * Math.Max(1, Math.Abs(fixture.Scalar("value"))));
        terms.Loss.backward();
        fixture.ShouldMatch(tokens.Scatter(current.grad!.data<double>().ToArray()), "grad_logps", isGradient: true);
        if (!isSequence && fixture.Json["metrics"]!["clip_ratio/low_mean"] is { } low)
        {
            var punished = tokens.Flat([.. mask.Select((row, i) => Enumerable.Repeat(advantages[i], row.Length).ToArray())]) < 0;
            (terms.Clipped.logical_and(punished).sum().ToDouble() / tokens.Count).ShouldBe(PeerFixture.Number(low), fixture.Tolerance);
            (terms.Clipped.logical_and(punished.logical_not()).sum().ToDouble() / tokens.Count).ShouldBe(PeerFixture.Number(fixture.Json["metrics"]!["clip_ratio/high_mean"]!), fixture.Tolerance);
        }

        double? Used(string option) => used[option]?.GetValue<double>();
    }

    private static CorrectionOptions Correction(PeerFixture fixture) => fixture.Text("vllm_importance_sampling_mode") is not { } mode ? new CorrectionOptions() : new CorrectionOptions
    {
        Level = mode.StartsWith("sequence", StringComparison.Ordinal) ? CorrectionLevel.Sequence : CorrectionLevel.Token,
        Mode = mode.EndsWith("mask", StringComparison.Ordinal) ? CorrectionMode.Mask : CorrectionMode.Truncate,
        Low = fixture.Option<double>("vllm_importance_sampling_clip_min") ?? 0,
        High = fixture.Option<double>("vllm_importance_sampling_clip_max") ?? 3,
    };

    private static ObjectiveTerms Compute(string loss, PeerTokens tokens, LossTokens values, double[] rowWeights, Func<ObjectiveInputs, ObjectiveInputs> more, ObjectiveOptions options)
    {
        double[][] weights = [.. rowWeights.Zip(tokens.Counts, (w, n) => Enumerable.Repeat(w, n).ToArray())];
        return PolicyObjective.Compute(PolicyLosses.Get(loss), more(new ObjectiveInputs(values, tensor(weights.SelectMany(w => w).ToArray(), dtype: ScalarType.Float64))), options);
    }
}
