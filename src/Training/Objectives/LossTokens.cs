using Axpo.Training.Native;
using static TorchSharp.torch;

namespace Axpo.Training.Objectives;

/// <summary>Loss tokens of some whole sequences, end to end; a sequence is never split. Every tensor is [m].</summary>
/// <param name="Current">Log-probs of the policy that is trained, with gradient.</param>
/// <param name="Old">Log-probs of the weights that generated.</param>
/// <param name="Advantages">Advantages.</param>
/// <param name="Rows">Which sequence each token belongs to, int64, from 0.</param>
/// <param name="RowCount">Number of sequences.</param>
public sealed record LossTokens(Tensor Current, Tensor Old, Tensor Advantages, Tensor Rows, int RowCount)
{
    /// <summary>The mean over each token's sequence [m]; the gradient reaches every token of it.</summary>
    public Tensor RowMeans(Tensor values)
    {
        var sums = values.SumByIndex(Rows, RowCount);
        var counts = ones_like(values).SumByIndex(Rows, RowCount);
        return (sums / counts.AtLeast(1)).index_select(0, Rows);
    }
}

/// <summary>What a policy loss says about each token; every tensor is [m].</summary>
/// <param name="Loss">Loss, not weighted, with gradient.</param>
/// <param name="Clipped">Whether the clip holds: the clipped term is the larger loss, or the clipped weight is not the ratio. Its side is the advantage's sign.</param>
/// <param name="DualClipped">Whether the dual clip holds.</param>
public sealed record TokenLosses(Tensor Loss, Tensor Clipped, Tensor DualClipped)
{
    /// <summary>Losses of an objective that has no clip.</summary>
    public static TokenLosses Unclipped(Tensor loss)
    {
        var none = zeros_like(loss, dtype: ScalarType.Bool);
        return new TokenLosses(loss, none, none);
    }
}
