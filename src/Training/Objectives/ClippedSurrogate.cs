using Axpo.Core;
using Axpo.Training.Native;
using static TorchSharp.torch;

namespace Axpo.Training.Objectives;

/// <summary>
/// -min(min(r, ratioCap) A, clamp(r, 1 - clipLow, 1 + clipHigh) A): the pessimistic bound that <c>ppo</c> and <c>gspo</c> share (PPO, arXiv:1707.06347 (7); separate bounds: DAPO, arXiv:2503.14476 (10);
/// cap: TRL 1.16.0, grpo_trainer.py, delta).
/// </summary>
internal static class ClippedSurrogate
{
    /// <summary>The losses for ratios [m].</summary>
    public static TokenLosses Of(Tensor ratio, Tensor advantages, ObjectiveOptions options)
    {
        var free = (options.RatioCap > 0 ? ratio.AtMost(options.RatioCap) : ratio) * advantages;
        var clipped = ratio.Within(1 - options.ClipLow, 1 + options.ClipHigh) * advantages;
        return new TokenLosses(-minimum(free, clipped), clipped < free, zeros_like(free, dtype: ScalarType.Bool));
    }
}
