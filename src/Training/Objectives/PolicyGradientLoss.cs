using Axpo.Core;

namespace Axpo.Training.Objectives;

/// <summary>The plain policy gradient: -A l, without ratio and clip (REINFORCE; GPG, arXiv:2504.02546). Source: verl 0.9.1, core_algos.py, compute_policy_loss_gpg.</summary>
public sealed class PolicyGradientLoss : IPolicyLoss
{
    /// <inheritdoc/>
    public string Name => "policy-gradient";

    /// <inheritdoc/>
    public TokenLosses Of(LossTokens tokens, ObjectiveOptions options) => TokenLosses.Unclipped(-(tokens.Advantages * tokens.Current));
}
