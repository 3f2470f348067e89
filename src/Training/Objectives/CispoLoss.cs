using Axpo.Core;
using Axpo.Training.Native;
using static TorchSharp.torch;

namespace Axpo.Training.Objectives;

/// <summary>
/// The clipped weight (CISPO, arXiv:2506.13585 (4)): -sg(w) A l with w = clamp(r, 1 - clipLow, 1 + clipHigh), or min(r, cispoCap) where the cap is not 0; r as in <see cref="PpoLoss"/>. Every token keeps a gradient.
/// Options: clipLow, clipHigh, cispoCap, logRatioClamp. Sources: verl 0.9.1, core_algos.py, compute_policy_loss_cispo; TRL 1.16.0, grpo_trainer.py, _compute_loss (absolute cap epsilon_high).
/// </summary>
public sealed class CispoLoss : IPolicyLoss
{
    /// <inheritdoc/>
    public string Name => "cispo";

    /// <inheritdoc/>
    public TokenLosses Of(LossTokens tokens, ObjectiveOptions options)
    {
        var ratio = PolicyRatios.OfTokens(tokens, options).detach();
        var weight = options.CispoCap > 0 ? ratio.AtMost(options.CispoCap) : ratio.Within(1 - options.ClipLow, 1 + options.ClipHigh);
        return new TokenLosses(-(weight * tokens.Advantages) * tokens.Current, weight != ratio, zeros_like(ratio, dtype: ScalarType.Bool));
    }
}
