using Axpo.Training.Kernels;
using Axpo.Training.Models;
using Axpo.Training.Models.Vision;
using TorchSharp;
using static TorchSharp.torch;

namespace Axpo.Training.Learning;

/// <summary>
/// A forward pass of a decoder in float32 on the CPU, and its backward pass, written by hand (<see cref="FusedLayer"/>). With checkpointing, of the layers only their inputs are kept, and each is computed again in the
/// backward pass (Chen et al. 2016): the same gradient, bit for bit. Tensors belong to the dispose scope in which the tape was made.
/// </summary>
internal sealed class DecoderTape
{
    private readonly Decoder _policy;
    private readonly PackedBatch _pack;
    private readonly Tensor _predictors;
    private readonly bool _checkpointing;
    private readonly (Tensor Cos, Tensor Sin) _rotation;
    private readonly FusedAttention _attention;
    private readonly PictureRows? _pictures;
    private readonly List<Tensor> _inputs = [];
    private readonly List<LayerTape> _layers = [];
    private readonly Tensor _selected;
    private readonly Tensor _inverse;

    /// <summary>Runs the decoder.</summary>
    /// <param name="policy">The decoder.</param>
    /// <param name="pack">Sequences.</param>
    /// <param name="predictors">Rows of the pack whose hidden states are wanted [m] int64; any number of times.</param>
    /// <param name="checkpointing">Whether layers are computed again in the backward pass.</param>
    public DecoderTape(Decoder policy, PackedBatch pack, Tensor predictors, bool checkpointing)
    {
        (_policy, _pack, _predictors, _checkpointing) = (policy, pack, predictors, checkpointing);
        _pictures = pack.See(policy);
        using var guard = no_grad();
        _rotation = policy.Rotation(pack.Positions);
        _attention = new FusedAttention(pack.Paths, policy.Config);
        var x = policy.Embed(pack.Ids, _pictures);
        for (var layer = 0; layer < policy.Config.Layers; layer++)
        {
            _inputs.Add(x);
            if (checkpointing)
            {
                x = Layer(layer).Forward(layer, x, _rotation, (_, q, k, v) => _attention.Forward(q, k, v).Output);
            }
            else
            {
                x = Layer(layer).Forward(x, _rotation, _attention, out var tape);
                _layers.Add(tape);
            }

            x = _pictures?.Behind(layer, x) ?? x;
        }

        _selected = x.index_select(0, predictors);
        x.Dispose();
        (Rows, _inverse) = FusedLayer.Normalise(_selected, policy.FinalNorm, policy.Config.RmsNormEps);
    }

    /// <summary>Hidden states after the last norm [m, hidden].</summary>
    public Tensor Rows { get; }

    /// <summary>Adds to the gradients of the decoder's parameters. Once a tape.</summary>
    /// <param name="gradient">Of <see cref="Rows"/>.</param>
    public void Backward(Tensor gradient)
    {
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        var rows = zeros_like(_selected);
        FusedLayer.NormaliseBackward(gradient, _selected, _policy.FinalNorm, _inverse, rows);
        var x = zeros(_pack.Tokens, _policy.Config.HiddenSize);
        var pictures = _pictures is null ? null : new PictureGradients(_pictures);
        RowSums.Add(x, _predictors, rows);
        for (var layer = _policy.Config.Layers - 1; layer >= 0; layer--)
        {
            pictures?.Behind(layer, x);
            using var part = NewDisposeScope();
            Layer(layer).Backward(x, _rotation, _attention, _checkpointing ? Again(layer) : _layers[layer]);
        }

        pictures?.Embedded(x);
        pictures?.Backward();
        if (_policy.Embedding.requires_grad)
        {
            RowSums.Add(ParameterGradients.Of(_policy.Embedding), _pack.Ids, x);
        }
    }

    private FusedLayer Layer(int index) => new(_policy.Config, _policy.Layer(index));

    private LayerTape Again(int layer)
    {
        Layer(layer).Forward(_inputs[layer], _rotation, _attention, out var tape);
        return tape;
    }
}
