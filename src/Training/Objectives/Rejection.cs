using Axpo.Core;

namespace Axpo.Training.Objectives;

/// <summary>
/// Rejection of tokens or sequences on which engine and learner disagree too much (verl 0.9.1, rollout_corr_helper.py, compute_rollout_rejection_mask), with d = log pi_learner - log pi_engine clamped to [-20, 20]: k1 = -d must lie within
/// [ln low, ln high], k2 = d^2 / 2 and k3 = exp(d) - d - 1 must not exceed high; of each token, or of the sum, the mean or the largest over a sequence's loss tokens.
/// </summary>
public static class Rejection
{
    /// <summary>Which tokens stay: those that every rule keeps. Each rule looks at all tokens, whatever the others reject.</summary>
    /// <param name="logRatios">d [sequences][loss tokens].</param>
    /// <param name="rules">Rules.</param>
    /// <returns>[sequences][loss tokens].</returns>
    public static bool[][] Kept(IReadOnlyList<double[]> logRatios, params IReadOnlyList<RejectionOptions> rules)
    {
        ArgumentNullException.ThrowIfNull(logRatios);
        ArgumentNullException.ThrowIfNull(rules);
        return [.. logRatios.Select(row =>
        {
            bool[] kept = [.. row.Select(_ => true)];
            foreach (var rule in rules.Where(r => r.Statistic != RejectionStatistic.None && row.Length > 0))
            {
                double[] values = [.. row.Select(d => Of(rule.Statistic, Math.Clamp(d, -EngineCorrection.Clamp, EngineCorrection.Clamp)))];
                bool[] accepted = rule.Level switch
                {
                    RejectionLevel.Token => [.. values.Select(v => Accepts(rule, v))],
                    RejectionLevel.SequenceSum => [Accepts(rule, values.Sum())],
                    RejectionLevel.SequenceMean => [Accepts(rule, values.Average())],
                    RejectionLevel.SequenceMax => [Accepts(rule, values.Max())],
                    _ => throw new ArgumentOutOfRangeException(nameof(rules), rule.Level, "unknown level"),
                };
                for (var t = 0; t < row.Length; t++)
                {
                    kept[t] &= accepted[rule.Level == RejectionLevel.Token ? t : 0];
                }
            }

            return kept;
        })];
    }

    private static double Of(RejectionStatistic statistic, double d) => statistic switch
    {
        RejectionStatistic.K1 => -d,
        RejectionStatistic.K2 => d * d / 2,
        RejectionStatistic.K3 => Math.Exp(d) - d - 1,
        _ => throw new ArgumentOutOfRangeException(nameof(statistic), statistic, "unknown statistic"),
    };

    private static bool Accepts(RejectionOptions rule, double value) => rule.Statistic == RejectionStatistic.K1
        ? value >= Math.Log(rule.Low > 0 ? rule.Low : 1 / rule.High) && value <= Math.Log(rule.High)
        : value <= rule.High;
}
