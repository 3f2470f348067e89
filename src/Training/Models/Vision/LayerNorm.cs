using TorchSharp;
using static TorchSharp.torch;

namespace Axpo.Training.Models.Vision;

/// <summary>A layer norm of the vision tower; its epsilon is in no config.</summary>
/// <param name="Weight">[width].</param>
/// <param name="Bias">[width].</param>
internal sealed record LayerNorm(Tensor Weight, Tensor Bias)
{
    private const double Epsilon = 1e-6;

    /// <summary>Through autograd.</summary>
    /// <param name="x">[n, width].</param>
    /// <returns>[n, width].</returns>
    public Tensor Apply(Tensor x) => nn.functional.layer_norm(x, [Weight.shape[0]], Weight, Bias, Epsilon);
}
