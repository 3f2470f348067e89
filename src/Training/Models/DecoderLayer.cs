using static TorchSharp.torch;

namespace Axpo.Training.Models;

/// <summary>Weights of a layer.</summary>
/// <param name="InputNorm">[hidden].</param>
/// <param name="Q">[heads * headDim, hidden].</param>
/// <param name="K">[kvHeads * headDim, hidden].</param>
/// <param name="V">[kvHeads * headDim, hidden].</param>
/// <param name="O">[hidden, heads * headDim].</param>
/// <param name="QNorm">[headDim].</param>
/// <param name="KNorm">[headDim].</param>
/// <param name="PostNorm">[hidden].</param>
/// <param name="Gate">[intermediate, hidden].</param>
/// <param name="Up">[intermediate, hidden].</param>
/// <param name="Down">[hidden, intermediate].</param>
internal sealed record DecoderLayer(Tensor InputNorm, Tensor Q, Tensor K, Tensor V, Tensor O, Tensor QNorm, Tensor KNorm, Tensor PostNorm, Tensor Gate, Tensor Up, Tensor Down);
