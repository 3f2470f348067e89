using Axpo.Core;
using Axpo.Training.Native;
using static TorchSharp.torch;

namespace Axpo.Training.Objectives;

/// <summary>Importance ratios between the policy that is trained and the weights that generated. Beyond <see cref="ObjectiveOptions.LogRatioClamp"/> the gradient is 0.</summary>
public static class PolicyRatios
{
    /// <summary>exp(clamp(l - lo)) of each token [m].</summary>
    public static Tensor OfTokens(LossTokens tokens, ObjectiveOptions options)
    {
        var log = tokens.Current - tokens.Old;
        return (options.LogRatioClamp > 0 ? log.Within(-options.LogRatioClamp, options.LogRatioClamp) : log).exp();
    }

    /// <summary>exp(s) of each token's sequence [m], s = mean(l - lo) over the sequence, clamped above only, at half of the option (verl: 10); the gradient reaches every token of the sequence.</summary>
    public static Tensor OfSequences(LossTokens tokens, ObjectiveOptions options) => Exp(tokens.RowMeans(tokens.Current - tokens.Old), options);

    /// <summary>The same values, but the gradient of each goes to its own token only: exp(l - sg(l) + sg(s)).</summary>
    public static Tensor OfSequencesByToken(LossTokens tokens, ObjectiveOptions options) =>
        Exp((tokens.Current - tokens.Current.detach()).Plus(tokens.RowMeans((tokens.Current - tokens.Old).detach())), options);

    private static Tensor Exp(Tensor log, ObjectiveOptions options) => (options.LogRatioClamp > 0 ? log.AtMost(options.LogRatioClamp / 2) : log).exp();
}
