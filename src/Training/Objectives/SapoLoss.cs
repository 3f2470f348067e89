using Axpo.Core;
using Axpo.Training.Native;
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
        var tau = where(tokens.Advantages.IsAbove(0), ratio.detach().FilledLike(options.SapoTauPositive), ratio.detach().FilledLike(options.SapoTauNegative));
        return TokenLosses.Unclipped(-(tokens.Advantages * tau.reciprocal().Times(4) * (tau * ratio.Plus(-1.0)).sigmoid()));
    }
}
