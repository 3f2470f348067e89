using static TorchSharp.torch;

namespace Axpo.Training.Models;

/// <summary>What a layer's forward pass leaves to its backward pass. Its tensors belong to the dispose scope that was outside of the forward pass; the input is the caller's.</summary>
/// <param name="Input">[n, hidden].</param>
/// <param name="Inner">The input after its norm [n, hidden].</param>
/// <param name="Inverse">1 / root mean square of the input's rows [n].</param>
/// <param name="Q">Queries before norm and rope [n, heads * headDim].</param>
/// <param name="InverseQ">1 / root mean square of their heads [n, heads].</param>
/// <param name="TurnedQ">Queries after norm and rope [n, heads, headDim].</param>
/// <param name="K">Keys before norm and rope [n, kvHeads * headDim].</param>
/// <param name="InverseK">1 / root mean square of their heads [n, kvHeads].</param>
/// <param name="TurnedK">Keys after norm and rope [n, kvHeads, headDim].</param>
/// <param name="V">Values [n, kvHeads, headDim].</param>
/// <param name="LogSums">Logarithms of the sums of the attention's weights [n, heads].</param>
/// <param name="Attended">What attention gave [n, heads * headDim].</param>
/// <param name="Middle">The residual stream after it [n, hidden].</param>
/// <param name="Outer">That after its norm [n, hidden].</param>
/// <param name="InverseOuter">1 / root mean square of its rows [n].</param>
/// <param name="Gate">Inputs of the SwiGLU [n, intermediate].</param>
/// <param name="Up">Inputs of the SwiGLU [n, intermediate].</param>
/// <param name="Activated">Its output [n, intermediate].</param>
internal sealed record LayerTape(
    Tensor Input,
    Tensor Inner,
    Tensor Inverse,
    Tensor Q,
    Tensor InverseQ,
    Tensor TurnedQ,
    Tensor K,
    Tensor InverseK,
    Tensor TurnedK,
    Tensor V,
    Tensor LogSums,
    Tensor Attended,
    Tensor Middle,
    Tensor Outer,
    Tensor InverseOuter,
    Tensor Gate,
    Tensor Up,
    Tensor Activated)
{
    /// <summary>Moves all but the input to the dispose scope outside of the present one.</summary>
    public LayerTape MoveToOuterDisposeScope()
    {
        foreach (var tensor in new[] { Inner, Inverse, Q, InverseQ, TurnedQ, K, InverseK, TurnedK, V, LogSums, Attended, Middle, Outer, InverseOuter, Gate, Up, Activated })
        {
            tensor.MoveToOuterDisposeScope();
        }

        return this;
    }
}
