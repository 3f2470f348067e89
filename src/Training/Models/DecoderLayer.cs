using static TorchSharp.torch;

namespace Axpo.Training.Models;

/// <summary>Weights of a layer.</summary>
/// <param name="InputNorm">[hidden].</param>
/// <param name="Q">Hidden to heads * headDim.</param>
/// <param name="K">Hidden to kvHeads * headDim.</param>
/// <param name="V">Hidden to kvHeads * headDim.</param>
/// <param name="O">heads * headDim to hidden.</param>
/// <param name="QNorm">[headDim]; null: queries are not normed.</param>
/// <param name="KNorm">[headDim]; null: keys are not normed.</param>
/// <param name="PostNorm">[hidden].</param>
/// <param name="Gate">Hidden to intermediate.</param>
/// <param name="Up">Hidden to intermediate.</param>
/// <param name="Down">Intermediate to hidden.</param>
internal sealed record DecoderLayer(Tensor InputNorm, Projection Q, Projection K, Projection V, Projection O, Tensor? QNorm, Tensor? KNorm, Tensor PostNorm, Projection Gate, Projection Up, Projection Down)
{
    /// <summary>Its linear layers.</summary>
    public IEnumerable<Projection> Projections => [Q, K, V, O, Gate, Up, Down];
}
