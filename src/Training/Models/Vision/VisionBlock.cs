using Axpo.Training.Native;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Axpo.Training.Models.Vision;

/// <summary>A block of the vision tower: pre-norm attention among the patches of a frame, then a perceptron with GELU (tanh).</summary>
/// <param name="Before">Before attention [hidden].</param>
/// <param name="Qkv">Hidden to queries, keys and values side by side.</param>
/// <param name="Out">Hidden to hidden.</param>
/// <param name="Between">Before the perceptron [hidden].</param>
/// <param name="Up">Hidden to intermediate.</param>
/// <param name="Down">Intermediate to hidden.</param>
internal sealed record VisionBlock(LayerNorm Before, Projection Qkv, Projection Out, LayerNorm Between, Projection Up, Projection Down)
{
    /// <summary>Whether an adapter in it is trained.</summary>
    public bool IsAdapted => Qkv.IsAdapted || Out.IsAdapted || Up.IsAdapted || Down.IsAdapted;

    /// <summary>Through autograd.</summary>
    /// <param name="x">[n, hidden].</param>
    /// <param name="heads">Heads.</param>
    /// <param name="rotation">Of the n patches, both [n, 1, headDim] float32.</param>
    /// <param name="frames">Patches of each frame, in order; they add up to n. Frames do not see each other.</param>
    /// <returns>[n, hidden].</returns>
    public Tensor Apply(Tensor x, int heads, (Tensor Cos, Tensor Sin) rotation, IReadOnlyList<FrameRun> frames)
    {
        using var scope = NewDisposeScope();
        var (n, width) = (x.shape[0], x.shape[1]);
        var qkv = Qkv.Apply(Before.Apply(x)).view(n, 3, heads, width / heads);
        var (q, k, v) = (Turned(qkv.select(1, 0), rotation), Turned(qkv.select(1, 1), rotation), qkv.select(1, 2));
        var pieces = frames.Select(run => Aten.ScaledDotProductAttention(Rows(q, run), Rows(k, run), Rows(v, run)).transpose(1, 2).reshape((long)run.Count * run.Patches, width)).ToArray();
        var middle = x.Plus(Out.Apply(pieces.Length == 1 ? pieces[0] : cat(pieces)));
        return middle.Plus(Down.Apply(nn.functional.gelu(Up.Apply(Between.Apply(middle)), GELU.Approximate.tanh))).MoveToOuterDisposeScope();
    }

    /// <summary>Turned in float32, whatever the precision.</summary>
    private static Tensor Turned(Tensor x, (Tensor Cos, Tensor Sin) rotation) => Rope.Apply(x.to(ScalarType.Float32), rotation.Cos, rotation.Sin).to(x.dtype);

    private static Tensor Rows(Tensor x, FrameRun run) =>
        x.narrow(0, run.Start, (long)run.Count * run.Patches).reshape(run.Count, run.Patches, x.shape[1], x.shape[2]).transpose(1, 2);
}
