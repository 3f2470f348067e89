using Axpo.Core;
using static TorchSharp.torch;

namespace Axpo.Training.Objectives;

/// <summary>
/// A soft gate in place of the clip (SAPO, arXiv:2511.20347 (5), (6)): -A 4 / tau sigmoid(tau (r - 1)), tau = sapoTauPositive where A is positive, else sapoTauNegative; r as in <see cref="PpoLoss"/>.
/// Options: sapoTauPositive, sapoTauNegative, logRatioClamp. Sources: verl 0.9.1, core_algos.py, compute_policy_loss_sapo; TRL 1.16.0, grpo_trainer.py, _compute_loss.
/// </summary>
public sealed class SapoLoss : IPolicyLoss
{
    /// <inheritdoc/>
    public string Name => "sapo";

    /// <inheritdoc/>
    public TokenLosses Of(LossTokens tokens, ObjectiveOptions options)
    {
        var ratio = PolicyRatios.OfTokens(tokens, options);
        var tau = where(tokens.Advantages > 0, full_like(ratio.detach(), options.SapoTauPositive), full_like(ratio.detach(), options.SapoTauNegative));
        return TokenLosses.Unclipped(-(tokens.Advantages * (4 / tau) * (tau * (ratio - 1)).sigmoid()));
    }
}
