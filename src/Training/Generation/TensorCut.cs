using Axpo.Training.Native;
using static TorchSharp.torch;

namespace Axpo.Training.Generation;

/// <summary>Top-k and nucleus on whole tensors: what is not kept becomes minus infinity. Of equal logits the lower ids are kept.</summary>
internal static class TensorCut
{
    /// <summary>Keeps the k likeliest of each row, and of them the nucleus.</summary>
    /// <param name="logits">[n, vocabulary] float32.</param>
    /// <param name="temperature">[n, 1] float64.</param>
    /// <param name="topP">[n, 1] float64; 1: no nucleus.</param>
    /// <param name="topK">[n, 1] int64, at most the vocabulary.</param>
    /// <param name="largestK">The largest k of all rows.</param>
    /// <returns>[n, vocabulary] float32.</returns>
    public static Tensor Apply(Tensor logits, Tensor temperature, Tensor topP, Tensor topK, int largestK)
    {
        using var scope = NewDisposeScope();
        var sorted = largestK < logits.size(1) ? logits.topk(largestK).values : logits.sort(-1, descending: true).Values;
        var exact = sorted.to(ScalarType.Float64);
        var weights = (exact - exact.narrow(1, 0, 1)).div(temperature).exp();
        var rank = ones_like(sorted, ScalarType.Int64).cumsum(1);
        weights = where(rank.le(topK), weights, zeros_like(weights));
        var reached = weights.cumsum(1);
        var below = reached.lt(topP * reached.narrow(1, reached.size(1) - 1, 1)).sum(1, keepdim: true);
        var kept = where(topP.IsBelow(1), minimum(below.Plus(1), topK), topK);

        // The least logit that is kept; of those equal to it, as many as there is room for.
        var least = sorted.gather(1, kept.Plus(-1));
        var (above, equal) = (logits.gt(least), logits.eq(least));
        var room = kept - above.sum(1, keepdim: true);
        var keeps = above.logical_or(equal.logical_and(equal.cumsum(1).le(room)));
        return where(keeps, logits, logits.FilledLike(double.NegativeInfinity)).MoveToOuterDisposeScope();
    }
}
