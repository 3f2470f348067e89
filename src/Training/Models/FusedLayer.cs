using Axpo.Training.Devices;
using Axpo.Training.Kernels;
using TorchSharp;
using static TorchSharp.torch;

namespace Axpo.Training.Models;

/// <summary>
/// A decoder layer in float32 on the CPU, without autograd: matrix products (<see cref="HostProduct"/>) and, between them, kernels that pass over memory once. The same mathematics as <see cref="Decoder.Block"/>; the backward pass is
/// written by hand. Elsewhere, and in other precisions, autograd's composite is what runs.
/// </summary>
/// <param name="config">Shape.</param>
/// <param name="weights">Weights of the layer.</param>
internal sealed unsafe class FusedLayer(DecoderConfig config, DecoderLayer weights)
{
    private readonly float _eps = (float)config.RmsNormEps;

    /// <summary>Whether these kernels serve passes over a tensor (weights or activations).</summary>
    public static bool Serves(Tensor x) => ComputeDevice.IsHost(x) && x.dtype == ScalarType.Float32;

    /// <summary>RMS norm of rows.</summary>
    /// <param name="x">[n, width].</param>
    /// <param name="weight">[width].</param>
    /// <param name="eps">Added to the mean square.</param>
    /// <returns>The rows [n, width], and 1 / root mean square of each [n].</returns>
    public static (Tensor Rows, Tensor Inverse) Normalise(Tensor x, Tensor weight, double eps)
    {
        var (n, width) = ((int)x.size(0), (int)x.size(1));
        var (rows, inverse) = (empty_like(x), empty(n));
        RmsNormKernel.Forward(HostMemory.Floats(x), HostMemory.Floats(weight), (float)eps, HostMemory.Floats(rows), HostMemory.Floats(inverse), n, width);
        return (rows, inverse);
    }

    /// <summary>Adds the gradient of <see cref="Normalise"/> to that of its input and of its weight.</summary>
    /// <param name="gradient">Of the rows [n, width].</param>
    /// <param name="x">[n, width].</param>
    /// <param name="weight">[width].</param>
    /// <param name="inverse">[n].</param>
    /// <param name="inputGradient">[n, width].</param>
    public static void NormaliseBackward(Tensor gradient, Tensor x, Tensor weight, Tensor inverse, Tensor inputGradient)
    {
        using var scope = NewDisposeScope();
        RmsNormKernel.Backward(
            HostMemory.Floats(gradient), HostMemory.Floats(x), HostMemory.Floats(weight), HostMemory.Floats(inverse), HostMemory.Floats(inputGradient), HostMemory.Floats(ParameterGradients.OfOrScratch(weight)), (int)x.size(0), (int)x.size(1));
    }

    /// <summary>Forward, for <see cref="Decoder.Block"/>.</summary>
    /// <param name="index">Layer, from 0.</param>
    /// <param name="x">[n, hidden].</param>
    /// <param name="rotation">Of the n positions, both [n, 1, headDim].</param>
    /// <param name="attention">How they attend.</param>
    /// <returns>[n, hidden].</returns>
    public Tensor Forward(int index, Tensor x, (Tensor Cos, Tensor Sin) rotation, AttentionKernel attention) =>
        Forward(x, rotation, (q, k, v) => (attention(index, q, k, v), null), out _);

    /// <summary>Forward, with what <see cref="Backward"/> needs.</summary>
    /// <param name="x">[n, hidden].</param>
    /// <param name="rotation">Of the n positions, both [n, 1, headDim].</param>
    /// <param name="attention">How they attend.</param>
    /// <param name="tape">What the backward pass needs.</param>
    /// <returns>[n, hidden].</returns>
    public Tensor Forward(Tensor x, (Tensor Cos, Tensor Sin) rotation, FusedAttention attention, out LayerTape tape)
    {
        var output = Forward(x, rotation, (q, k, v) => attention.Forward(q, k, v), out var taped);
        tape = taped ?? throw new InvalidOperationException("the attention left nothing to its backward pass");
        return output;
    }

    /// <summary>Adds to the gradients of the weights, and takes the gradient from the output to the input. Once a tape: it is consumed.</summary>
    /// <param name="gradient">Of the output [n, hidden]; overwritten by that of the input.</param>
    /// <param name="rotation">As in the forward pass.</param>
    /// <param name="attention">As in the forward pass.</param>
    /// <param name="kept">Of the forward pass.</param>
    public void Backward(Tensor gradient, (Tensor Cos, Tensor Sin) rotation, FusedAttention attention, LayerTape kept)
    {
        using var scope = NewDisposeScope();
        var activated = weights.Down.Back(gradient);
        weights.Down.Gather(gradient, kept.Activated);
        SwiGluKernel.Backward(HostMemory.Floats(activated), HostMemory.Floats(kept.Gate), HostMemory.Floats(kept.Up), activated.numel());
        weights.Gate.Gather(kept.Gate, kept.Outer);
        weights.Up.Gather(kept.Up, kept.Outer);
        var outer = weights.Gate.Back(kept.Gate);
        weights.Up.Back(kept.Up, outer);
        NormaliseBackward(outer, kept.Middle, weights.PostNorm, kept.InverseOuter, gradient);

        weights.O.Gather(gradient, kept.Attended);
        var (q, k, v) = attention.Backward(kept.TurnedQ, kept.TurnedK, kept.V, kept.Attended, kept.LogSums, weights.O.Back(gradient));
        q = RotateBackward(q, kept.Q, kept.InverseQ, weights.QNorm, config.Heads, rotation);
        k = RotateBackward(k, kept.K, kept.InverseK, weights.KNorm, config.KvHeads, rotation);
        v = v.view(k.shape);
        weights.Q.Gather(q, kept.Inner);
        weights.K.Gather(k, kept.Inner);
        weights.V.Gather(v, kept.Inner);
        var inner = weights.Q.Back(q);
        weights.K.Back(k, inner);
        weights.V.Back(v, inner);
        NormaliseBackward(inner, kept.Input, weights.InputNorm, kept.Inverse, gradient);
    }

    private Tensor Forward(Tensor x, (Tensor Cos, Tensor Sin) rotation, Func<Tensor, Tensor, Tensor, (Tensor Output, Tensor? LogSums)> attention, out LayerTape? tape)
    {
        using var scope = NewDisposeScope();
        var n = x.size(0);
        var (inner, inverse) = Normalise(x, weights.InputNorm, config.RmsNormEps);
        var (q, k, v) = (weights.Q.Forward(inner), weights.K.Forward(inner), weights.V.Forward(inner).view(n, config.KvHeads, config.HeadDim));
        var (turnedQ, inverseQ) = Rotate(q, weights.QNorm, config.Heads, rotation);
        var (turnedK, inverseK) = Rotate(k, weights.KNorm, config.KvHeads, rotation);
        var (output, logSums) = attention(turnedQ, turnedK, v);
        var attended = output.reshape(n, (long)config.Heads * config.HeadDim);
        var middle = weights.O.AddTo(x, attended);
        var (outer, inverseOuter) = Normalise(middle, weights.PostNorm, config.RmsNormEps);
        var (gate, up) = (weights.Gate.Forward(outer), weights.Up.Forward(outer));
        var activated = empty_like(gate);
        SwiGluKernel.Forward(HostMemory.Floats(gate), HostMemory.Floats(up), HostMemory.Floats(activated), (int)n, config.IntermediateSize);
        tape = logSums is null
            ? null
            : new LayerTape(x, inner, inverse, q, inverseQ, turnedQ, k, inverseK, turnedK, v, logSums, attended, middle, outer, inverseOuter, gate, up, activated).MoveToOuterDisposeScope();
        return weights.Down.AddTo(middle, activated).MoveToOuterDisposeScope();
    }

    private (Tensor Turned, Tensor Inverse) Rotate(Tensor x, Tensor? weight, int heads, (Tensor Cos, Tensor Sin) rotation)
    {
        var n = (int)x.size(0);
        var (turned, inverse) = (empty(n, heads, config.HeadDim), empty(n, heads));
        if (weight is null)
        {
            RotaryKernel.Forward(HostMemory.Floats(x), HostMemory.Floats(rotation.Cos), HostMemory.Floats(rotation.Sin), HostMemory.Floats(turned), n, heads, config.HeadDim);
            return (turned, inverse);
        }

        RotaryNormKernel.Forward(
            HostMemory.Floats(x), HostMemory.Floats(weight), _eps, HostMemory.Floats(rotation.Cos), HostMemory.Floats(rotation.Sin), HostMemory.Floats(turned), HostMemory.Floats(inverse), n, heads, config.HeadDim);
        return (turned, inverse);
    }

    private Tensor RotateBackward(Tensor gradient, Tensor x, Tensor inverse, Tensor? weight, int heads, (Tensor Cos, Tensor Sin) rotation)
    {
        if (weight is null)
        {
            RotaryKernel.Backward(HostMemory.Floats(gradient), HostMemory.Floats(rotation.Cos), HostMemory.Floats(rotation.Sin), (int)x.size(0), heads, config.HeadDim);
            return gradient.view(x.shape);
        }

        RotaryNormKernel.Backward(
            HostMemory.Floats(gradient), HostMemory.Floats(x), HostMemory.Floats(weight), HostMemory.Floats(inverse), HostMemory.Floats(rotation.Cos), HostMemory.Floats(rotation.Sin), HostMemory.Floats(ParameterGradients.OfOrScratch(weight)),
            (int)x.size(0), heads, config.HeadDim);
        return gradient.view(x.shape);
    }
}
