using Axpo.Core;

namespace Axpo.Training.Objectives;

/// <summary>Weights of policy losses.</summary>
/// <param name="Weights">[sequences][loss tokens].</param>
/// <param name="Mean">Their mean over loss tokens before they are normalised; 1 where there are none.</param>
/// <param name="Max">The largest before they are normalised; 1 where there are none.</param>
/// <param name="Outside">Share of loss tokens whose ratio lies outside the bounds.</param>
public sealed record CorrectionWeights(double[][] Weights, double Mean, double Max, double Outside);

/// <summary>
/// Truncated importance sampling between engine and learner (verl 0.9.1, rollout_corr_helper.py, compute_rollout_correction_weights; TRL 1.16.0, grpo_trainer.py, vllm_importance_sampling_mode): the ratio exp(d),
/// d = log pi_learner - log pi_engine of the weights that generated, of a token or of the product over a sequence's loss tokens, cut to the bounds or 0 outside them. Log-ratios are clamped to [-20, 20], as in verl. Without gradient;
/// the weights multiply policy losses after the clip, never the divergence.
/// </summary>
public static class EngineCorrection
{
    /// <summary>Log-ratios are clamped to this on both sides before they are exponentiated.</summary>
    internal const double Clamp = 20;

    /// <summary>d of each token. A token without log-prob of the engine (NaN) counts as ratio 1, as in TRL.</summary>
    public static double[] LogRatios(ReadOnlySpan<float> learner, ReadOnlySpan<float> engine)
    {
        var ratios = new double[learner.Length];
        for (var i = 0; i < ratios.Length; i++)
        {
            ratios[i] = float.IsNaN(engine[i]) ? 0 : (double)learner[i] - engine[i];
        }

        return ratios;
    }

    /// <summary>The weights of a batch.</summary>
    /// <param name="logRatios">d [sequences][loss tokens].</param>
    /// <param name="options">Level, mode, bounds. Normalisation divides by the mean weight: over tokens, or over sequences.</param>
    public static CorrectionWeights Of(IReadOnlyList<double[]> logRatios, CorrectionOptions options)
    {
        ArgumentNullException.ThrowIfNull(logRatios);
        ArgumentNullException.ThrowIfNull(options);
        double[][] ratios = options.Level switch
        {
            CorrectionLevel.None => [.. logRatios.Select(r => Enumerable.Repeat(1.0, r.Length).ToArray())],
            CorrectionLevel.Token => [.. logRatios.Select(r => r.Select(Ratio).ToArray())],
            CorrectionLevel.Sequence => [.. logRatios.Select(r => Enumerable.Repeat(Ratio(r.Sum()), r.Length).ToArray())],
            _ => throw new ArgumentOutOfRangeException(nameof(options), options.Level, "unknown level"),
        };
        if (options.Level == CorrectionLevel.None || ratios.All(r => r.Length == 0))
        {
            return new CorrectionWeights(ratios, 1, 1, 0);
        }

        double[][] weights = [.. ratios.Select(r => r.Select(Bounded).ToArray())];
        var all = weights.SelectMany(w => w).ToArray();
        var (mean, outside) = (all.Average(), ratios.SelectMany(r => r).Average(r => IsOutside(r) ? 1.0 : 0.0));
        var divisor = options.Level == CorrectionLevel.Token ? mean : weights.Where(w => w.Length > 0).Average(w => w[0]);
        if (options.Normalise && divisor > 0)
        {
            weights = [.. weights.Select(w => w.Select(x => x / divisor).ToArray())];
        }

        return new CorrectionWeights(weights, mean, all.Max(), outside);

        bool IsOutside(double ratio) => ratio > options.High || ratio < options.Low;

        double Bounded(double ratio) => options.Mode == CorrectionMode.Truncate ? Math.Clamp(ratio, options.Low, options.High) : IsOutside(ratio) ? 0 : ratio;
    }

    private static double Ratio(double log) => Math.Exp(Math.Clamp(log, -Clamp, Clamp));
}
