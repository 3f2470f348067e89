using Axpo.Core;
using Axpo.Training.Native;
using static TorchSharp.torch;

namespace Axpo.Training.Objectives;

/// <summary>
/// Estimators of the divergence from the reference, a token (Schulman 2020), x = lref - l: k1 = -x, abs = |x|, k2 = x^2 / 2, k3 = exp(x) - x - 1. k3 alone may be clamped, x to klInputClamp and its value to klClamp (verl: 20 and 10;
/// the gradient beyond is 0). klStraightThrough keeps the value and takes k2's gradient: v + k2 - sg(k2) with v detached. klTimesRatio multiplies by r, with gradient through both.
/// Sources: verl 0.9.1, core_algos.py, kl_penalty; TRL 1.16.0, grpo_trainer.py, use_bias_correction_kl.
/// </summary>
public static class Divergence
{
    /// <summary>The divergence of each token [m], with gradient.</summary>
    /// <param name="current">Log-probs of the policy that is trained [m], with gradient.</param>
    /// <param name="reference">Log-probs of the reference policy [m].</param>
    /// <param name="ratio">The importance ratio [m]; asked for only where the options multiply by it.</param>
    /// <param name="options">Estimator and clamps.</param>
    public static Tensor Of(Tensor current, Tensor reference, Func<Tensor> ratio, ObjectiveOptions options)
    {
        var x = reference - current;
        var value = options.Kl switch
        {
            KlEstimator.K1 => -x,
            KlEstimator.Abs => x.abs(),
            KlEstimator.K2 => HalfSquare(x),
            KlEstimator.K3 => K3(x, options),
            _ => throw new ArgumentOutOfRangeException(nameof(options), options.Kl, "unknown estimator"),
        };
        if (options.KlStraightThrough)
        {
            var carrier = HalfSquare(x);
            value = (carrier - carrier.detach()).Plus(value.detach());
        }

        return options.KlTimesRatio ? value * ratio() : value;
    }

    private static Tensor HalfSquare(Tensor x) => x.Squared().Over(2);

    private static Tensor K3(Tensor x, ObjectiveOptions options)
    {
        var log = options.KlInputClamp > 0 ? x.Within(-options.KlInputClamp, options.KlInputClamp) : x;
        var value = (log.exp() - log).Plus(-1.0);
        return options.KlClamp > 0 ? value.Within(-options.KlClamp, options.KlClamp) : value;
    }
}
