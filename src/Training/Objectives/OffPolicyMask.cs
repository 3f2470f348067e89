using Axpo.Core;
using Axpo.Training.Native;
using static TorchSharp.torch;

namespace Axpo.Training.Objectives;

/// <summary>
/// Drops the policy loss of sequences that are punished and no longer the policy's own: A below 0 and mean(log pi_engine - l) over the loss tokens above the threshold. Denominators and divergence stay.
/// Options: offPolicyMask, offPolicyThreshold. Source: DeepSeek-V3.2, arXiv:2512.02556 (9); TRL 1.16.0, grpo_trainer.py, get_off_policy_mask.
/// </summary>
public static class OffPolicyMask
{
    /// <summary>Which tokens are dropped [m].</summary>
    public static Tensor Dropped(LossTokens tokens, Tensor behaviour, ObjectiveOptions options) =>
        tokens.Advantages.IsBelow(0).logical_and(tokens.RowMeans(behaviour - tokens.Current.detach()).IsAbove(options.OffPolicyThreshold));
}
