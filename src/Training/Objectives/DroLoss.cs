using Axpo.Core;
using Axpo.Training.Native;

namespace Axpo.Training.Objectives;

/// <summary>
/// A squared log-ratio in place of the clip (DRO, arXiv:2405.19107): -(A l - droBeta / 2 (l - lo)^2), without clamp. Option: droBeta. Source: verl 0.9.1, core_algos.py, compute_policy_loss_dro.
/// </summary>
public sealed class DroLoss : IPolicyLoss
{
    /// <inheritdoc/>
    public string Name => "dro";

    /// <inheritdoc/>
    public TokenLosses Of(LossTokens tokens, ObjectiveOptions options) =>
        TokenLosses.Unclipped((tokens.Current - tokens.Old).Squared().Times(options.DroBeta / 2) - (tokens.Advantages * tokens.Current));
}
