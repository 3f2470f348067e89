using Axpo.Core;
using Axpo.Training.Native;
using static TorchSharp.torch;

namespace Axpo.Training.Objectives;

/// <summary>Everything that the objective of some whole sequences is made of; every tensor is [m].</summary>
/// <param name="Tokens">What the policy loss needs.</param>
/// <param name="Weights">Weight of each token in the loss: fixed before a batch is cut, so micro-batching cannot change the sum.</param>
public sealed record ObjectiveInputs(LossTokens Tokens, Tensor Weights)
{
    /// <summary>Log-probs of the reference policy; null without divergence.</summary>
    public Tensor? Reference { get; init; }

    /// <summary>What the policy losses are multiplied by, after the clip; 0 where rejected. Null: 1.</summary>
    public Tensor? Correction { get; init; }

    /// <summary>Log-probs as the engine sampled; needed by the off-policy mask only.</summary>
    public Tensor? Behaviour { get; init; }

    /// <summary>Entropy of the policy that is trained, nats, with gradient; null without entropy bonus.</summary>
    public Tensor? Entropies { get; init; }
}

/// <summary>Terms of <see cref="PolicyObjective"/>; every tensor is a scalar or [m], and belongs to the caller's dispose scope.</summary>
/// <param name="Loss">Policy + beta KL - entropy bonus; differentiable.</param>
/// <param name="Policy">Weighted policy loss.</param>
/// <param name="Kl">Weighted divergence from the reference, without beta.</param>
/// <param name="TokenLoss">Loss of each token, weighted [m].</param>
/// <param name="TokenKl">Divergence of each token, not weighted [m].</param>
/// <param name="Clipped">Where the clip holds [m].</param>
/// <param name="DualClipped">Where the dual clip holds [m].</param>
/// <param name="OffPolicy">What the off-policy mask drops [m]; null where it is off.</param>
public sealed record ObjectiveTerms(Tensor Loss, Tensor Policy, Tensor Kl, Tensor TokenLoss, Tensor TokenKl, Tensor Clipped, Tensor DualClipped, Tensor? OffPolicy);

/// <summary>
/// w (c policy + beta KL - entropyWeight H), summed over tokens: w fixes the aggregation, c corrects what engine and learner disagree on. Neither correction nor masks touch the divergence (TRL 1.16.0, grpo_trainer.py, _compute_loss);
/// what is rejected from the denominators too is not here at all.
/// </summary>
public static class PolicyObjective
{
    /// <summary>Computes loss and metrics of some sequences.</summary>
    public static ObjectiveTerms Compute(IPolicyLoss loss, ObjectiveInputs inputs, ObjectiveOptions options)
    {
        ArgumentNullException.ThrowIfNull(loss);
        ArgumentNullException.ThrowIfNull(inputs);
        ArgumentNullException.ThrowIfNull(options);
        var losses = loss.Of(inputs.Tokens, options);
        var policy = losses.Loss;
        Tensor? dropped = null;
        if (options.OffPolicyMask)
        {
            dropped = OffPolicyMask.Dropped(inputs.Tokens, inputs.Behaviour ?? throw new ArgumentException("the off-policy mask needs the engine's log-probs", nameof(inputs)), options);
            policy = policy * dropped.logical_not();
        }

        policy = (inputs.Correction is null ? policy : policy * inputs.Correction) * inputs.Weights;
        var divergence = inputs.Reference is null
            ? zeros_like(inputs.Tokens.Current)
            : Divergence.Of(inputs.Tokens.Current, inputs.Reference, () => loss.Ratio(inputs.Tokens, options), options);
        var kl = divergence * inputs.Weights;
        var token = policy.Plus(kl.Times(options.KlWeight));
        if (inputs.Entropies is not null)
        {
            token = token - (inputs.Entropies * inputs.Weights).Times(options.EntropyWeight);
        }

        return new ObjectiveTerms(token.sum(), policy.sum(), kl.sum(), token, divergence, losses.Clipped, losses.DualClipped, dropped);
    }
}
