namespace Axpo.Core;

/// <summary>
/// Numeric conventions of other implementations, so that a run of theirs can be reproduced. They change how figures are formed, not which algorithm it is: they lie over
/// the algorithm's values and under whatever is set. Where the two differ: docs/objectives.md.
/// </summary>
public static class ConventionPresets
{
    private const string VerlLosses = "verl 0.9.1, trainer/ppo/core_algos.py";
    private const string VerlCorrection = "verl 0.9.1, trainer/ppo/rollout_corr_helper.py";
    private const string TrlTrainer = "TRL 1.16.0, trainer/grpo_trainer.py";

    /// <summary>Every convention, Axpo's own first.</summary>
    public static IReadOnlyList<Preset> All { get; } =
    [
        new("axpo", "Axpo's own.", "method.md", []),
        new(
            "verl",
            "verl 0.9.1.",
            "https://github.com/volcengine/verl",
            [
                new("objective.ddof", 1, VerlLosses + ", compute_grpo_outcome_advantage"),
                new("objective.epsilon", 1e-6, VerlLosses + ", compute_grpo_outcome_advantage"),
                new("objective.singleton", SingletonRule.Reward, VerlLosses + ", compute_grpo_outcome_advantage"),
                new("objective.denominator", LossDenominator.Valid, VerlLosses + ", agg_loss"),
                new("objective.rowEpsilon", 1e-8, VerlLosses + ", agg_loss"),
                new("objective.logRatioClamp", 20.0, VerlLosses + ", compute_policy_loss_vanilla"),
                new("objective.dualClip", 3.0, VerlLosses + ", compute_policy_loss_vanilla"),
                new("objective.cispoCap", 0.0, VerlLosses + ", compute_policy_loss_cispo"),
                new("objective.klInputClamp", 20.0, VerlLosses + ", kl_penalty_forward"),
                new("objective.klClamp", 10.0, VerlLosses + ", kl_penalty_forward"),
                new("objective.klTimesRatio", false, "verl 0.9.1, workers/utils/losses.py, ppo_loss"),
                new("objective.correction.mode", CorrectionMode.Truncate, VerlCorrection),
                new("objective.correction.high", 2.0, VerlCorrection),
                new("objective.rejection.leavesDenominators", true, VerlCorrection),
            ]),
        new(
            "trl",
            "TRL 1.16.0.",
            "https://github.com/huggingface/trl",
            [
                new("objective.ddof", 1, TrlTrainer + ", _generate_and_score_completions"),
                new("objective.epsilon", 1e-4, TrlTrainer + ", _generate_and_score_completions"),
                new("objective.singleton", SingletonRule.Zero, TrlTrainer + ", _generate_and_score_completions"),
                new("objective.denominator", LossDenominator.Nominal, TrlTrainer + ", _compute_loss"),
                new("objective.rowEpsilon", 0.0, TrlTrainer + ", _compute_loss"),
                new("objective.logRatioClamp", 0.0, TrlTrainer + ", _compute_loss"),
                new("objective.dualClip", 0.0, TrlTrainer + ", _compute_loss"),
                new("objective.cispoCap", 5.0, "TRL 1.16.0, trainer/grpo_config.py, epsilon_high as ScaleRL has it"),
                new("objective.klInputClamp", 0.0, TrlTrainer + ", _compute_loss"),
                new("objective.klClamp", 0.0, TrlTrainer + ", _compute_loss"),
                new("objective.klTimesRatio", true, TrlTrainer + ", use_bias_correction_kl"),
                new("objective.correction.mode", CorrectionMode.Mask, TrlTrainer + ", vllm_importance_sampling_mode sequence_mask"),
                new("objective.correction.level", CorrectionLevel.Sequence, TrlTrainer + ", vllm_importance_sampling_mode sequence_mask"),
                new("objective.correction.high", 3.0, TrlTrainer + ", vllm_importance_sampling_clip_max"),
                new("objective.rejection.leavesDenominators", false, TrlTrainer + ", _compute_loss"),
            ]),
    ];

    /// <summary>Known names.</summary>
    public static IReadOnlyList<string> Names { get; } = [.. All.Select(p => p.Name)];

    /// <summary>The conventions of a name.</summary>
    /// <exception cref="ArgumentException">There are none.</exception>
    public static Preset Get(string name) =>
        All.FirstOrDefault(p => p.Name == name) ?? throw new ArgumentException($"conventions = '{name}': unknown{NearestName.Hint(name, Names)}", nameof(name));
}
