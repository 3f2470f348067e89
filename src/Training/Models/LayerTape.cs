using TorchSharp;
using static TorchSharp.torch;

namespace Axpo.Training.Models;

/// <summary>What a layer's forward pass leaves to its backward pass. Its tensors belong to the dispose scope that was outside of the forward pass.</summary>
internal sealed class LayerTape
{
    private Tensor[] _attended = [];

    /// <summary>Intermediate results.</summary>
    public Activations Kept { get; private set; } = null!;

    /// <summary>Attention, whose own backward pass is autograd's.</summary>
    public Tensor Attend(int layer, Tensor q, Tensor k, Tensor v, AttentionKernel attention)
    {
        using var guard = enable_grad();
        q.requires_grad_(true);
        k.requires_grad_(true);
        var leaf = v.detach().requires_grad_(true);
        var output = attention(layer, q, k, leaf);
        _attended = [q, k, leaf, output];
        return output.detach();
    }

    /// <summary>Gradients of q, k and v.</summary>
    /// <param name="gradient">Of what <see cref="Attend"/> returned.</param>
    public (Tensor Q, Tensor K, Tensor V) AttendBackward(Tensor gradient)
    {
        _attended[3].backward([gradient]);
        return (_attended[0].grad!, _attended[1].grad!, _attended[2].grad!);
    }

    /// <summary>Takes the intermediate results.</summary>
    public void Keep(Activations activations)
    {
        Kept = activations;
        foreach (var tensor in _attended.Concat(activations.Own))
        {
            tensor.MoveToOuterDisposeScope();
        }
    }

    /// <summary>Intermediate results: the input, after its norm, queries and keys before theirs, attention's output, the residual stream after it, after its norm, both inputs of the SwiGLU and its output.</summary>
    public sealed record Activations(
        Tensor Input, Tensor Inner, Tensor Inverse, Tensor Q, Tensor InverseQ, Tensor K, Tensor InverseK, Tensor Attended, Tensor Middle, Tensor Outer, Tensor InverseOuter, Tensor Gate, Tensor Up, Tensor Activated)
    {
        /// <summary>All but the input, which is the caller's.</summary>
        public IEnumerable<Tensor> Own => [Inner, Inverse, Q, InverseQ, K, InverseK, Attended, Middle, Outer, InverseOuter, Gate, Up, Activated];
    }
}
