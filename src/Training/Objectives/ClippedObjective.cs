using Axpo.Core;
using static TorchSharp.torch;

namespace Axpo.Training.Objectives;

/// <summary>Terms of <see cref="ClippedObjective"/>; every tensor is a scalar or [m], and belongs to the caller's dispose scope.</summary>
/// <param name="Loss">Policy + beta KL; differentiable.</param>
/// <param name="Policy">Weighted policy loss.</param>
/// <param name="Kl">Weighted divergence from the reference, without beta.</param>
/// <param name="TokenLoss">Loss of each token, weighted [m].</param>
/// <param name="Clipped">1 where the clipped term is the active one [m].</param>
/// <param name="TokenKl">Divergence of each token, not weighted [m].</param>
public sealed record ObjectiveTerms(Tensor Loss, Tensor Policy, Tensor Kl, Tensor TokenLoss, Tensor Clipped, Tensor TokenKl);

/// <summary>
/// The clipped surrogate with separate bounds and the k3 divergence, a token: -(w (min(rho A, clip(rho, 1 - low, 1 + high) A) - beta k3)), rho = exp(current - old),
/// k3 = exp(x) - x - 1 with x = reference - current, not clamped and not multiplied by rho (arXiv:2605.28774 (6); PPO: arXiv:1707.06347; k3: Schulman 2020).
/// Weights are global and fixed before a batch is cut, so micro-batching cannot change the sum.
/// </summary>
public static class ClippedObjective
{
    /// <summary>Computes loss and metrics of some tokens.</summary>
    /// <param name="current">Log-probs of the policy that is trained [m], with gradient.</param>
    /// <param name="old">Log-probs of the weights that generated [m].</param>
    /// <param name="reference">Log-probs of the reference policy [m]; null without divergence.</param>
    /// <param name="advantages">[m].</param>
    /// <param name="weights">[m].</param>
    /// <param name="options">Bounds and beta.</param>
    public static ObjectiveTerms Compute(Tensor current, Tensor old, Tensor? reference, Tensor advantages, Tensor weights, ObjectiveOptions options)
    {
        var ratio = (current - old).exp();
        var free = ratio * advantages;
        var clipped = ratio.clamp(1 - options.ClipLow, 1 + options.ClipHigh) * advantages;
        var policy = -(minimum(free, clipped) * weights);
        Tensor divergence;
        if (reference is null)
        {
            divergence = zeros_like(current);
        }
        else
        {
            var x = reference - current;
            divergence = x.exp() - x - 1;
        }

        var kl = divergence * weights;
        var token = policy + (kl * options.KlWeight);
        return new ObjectiveTerms(token.sum(), policy.sum(), kl.sum(), token, (clipped < free).to(current.dtype), divergence);
    }
}
