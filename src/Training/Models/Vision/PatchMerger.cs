using TorchSharp;
using static TorchSharp.torch;

namespace Axpo.Training.Models.Vision;

/// <summary>Merges the patches of a token and brings them to the decoder's width, with the exact GELU.</summary>
/// <param name="Norm">Before merging [hidden], or behind it [merged].</param>
/// <param name="Inner">Merged to merged.</param>
/// <param name="Outer">Merged to the decoder's width.</param>
internal sealed record PatchMerger(LayerNorm Norm, Projection Inner, Projection Outer)
{
    /// <summary>Whether an adapter in it is trained.</summary>
    public bool IsAdapted => Inner.IsAdapted || Outer.IsAdapted;

    /// <summary>Through autograd.</summary>
    /// <param name="x">[patches, hidden], those of a token one after another.</param>
    /// <returns>[tokens, hidden of the decoder].</returns>
    public Tensor Apply(Tensor x)
    {
        using var scope = NewDisposeScope();
        var merged = Inner.Weight.shape[1];
        var normed = Norm.Weight.shape[0] == x.shape[1] ? Norm.Apply(x).reshape(-1, merged) : Norm.Apply(x.reshape(-1, merged));
        return Outer.Apply(nn.functional.gelu(Inner.Apply(normed))).MoveToOuterDisposeScope();
    }
}
