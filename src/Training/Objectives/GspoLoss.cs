using Axpo.Core;
using static TorchSharp.torch;

namespace Axpo.Training.Objectives;

/// <summary>
/// The clipped surrogate of one ratio a sequence (GSPO, arXiv:2507.18071 (5) to (7), in its token form (13) to (16)): r = exp(min(l - sg(l) + sg(s), logRatioClamp / 2)), s = mean(l - lo) over the sequence's
/// loss tokens. With one advantage a sequence, and weights that are equal within it, value and gradient are those of the sequence form. Options: clipLow, clipHigh, ratioCap, logRatioClamp.
/// Sources: verl 0.9.1, core_algos.py, compute_policy_loss_gspo; TRL 1.16.0, grpo_trainer.py, importance_sampling_level sequence.
/// </summary>
public sealed class GspoLoss : IPolicyLoss
{
    /// <inheritdoc/>
    public string Name => "gspo";

    /// <inheritdoc/>
    public TokenLosses Of(LossTokens tokens, ObjectiveOptions options) => ClippedSurrogate.Of(PolicyRatios.OfSequencesByToken(tokens, options), tokens.Advantages, options);

    /// <inheritdoc/>
    public Tensor Ratio(LossTokens tokens, ObjectiveOptions options) => PolicyRatios.OfSequences(tokens, options);
}
