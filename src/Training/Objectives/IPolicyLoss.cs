using Axpo.Core;
using static TorchSharp.torch;

namespace Axpo.Training.Objectives;

/// <summary>A policy loss: one type each, registered in <see cref="PolicyLosses"/>. In its equations l = log pi, lo = log pi_old, A = advantage, sg = stop-gradient; how token losses are aggregated is not its concern.</summary>
public interface IPolicyLoss
{
    /// <summary>Name in <c>objective.loss</c>.</summary>
    string Name { get; }

    /// <summary>The loss of each token.</summary>
    TokenLosses Of(LossTokens tokens, ObjectiveOptions options);

    /// <summary>The importance ratio of each token [m], with gradient, by which <see cref="ObjectiveOptions.KlTimesRatio"/> multiplies the divergence.</summary>
    Tensor Ratio(LossTokens tokens, ObjectiveOptions options) => PolicyRatios.OfTokens(tokens, options);
}
