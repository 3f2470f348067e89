using Axpo.Core;
using Axpo.Training.Native;
using static TorchSharp.torch;

namespace Axpo.Training.Objectives;

/// <summary>
/// The clipped surrogate (PPO, arXiv:1707.06347 (7)): -min(min(r, ratioCap) A, clamp(r, 1 - clipLow, 1 + clipHigh) A), r = exp(clamp(l - lo, -logRatioClamp, logRatioClamp)); where A is negative,
/// at most -A dualClip (dual clip, arXiv:1912.09729). Options: clipLow, clipHigh, dualClip, ratioCap, logRatioClamp. Sources: verl 0.9.1, core_algos.py, compute_policy_loss_vanilla; TRL 1.16.0, grpo_trainer.py, _compute_loss.
/// </summary>
public sealed class PpoLoss : IPolicyLoss
{
    /// <inheritdoc/>
    public string Name => "ppo";

    /// <inheritdoc/>
    public TokenLosses Of(LossTokens tokens, ObjectiveOptions options)
    {
        var losses = ClippedSurrogate.Of(PolicyRatios.OfTokens(tokens, options), tokens.Advantages, options);
        if (options.DualClip == 0)
        {
            return losses;
        }

        var bound = (-tokens.Advantages).Times(options.DualClip);
        var isDual = tokens.Advantages.IsBelow(0).logical_and(bound < losses.Loss);
        return losses with { Loss = where(isDual, bound, losses.Loss), DualClipped = isDual };
    }
}
