using Axpo.Training.Models;
using Axpo.Training.Models.Vision;
using Axpo.Training.Native;
using static TorchSharp.torch;

namespace Axpo.Training.Learning;

/// <summary>
/// A pass of a policy over a pack, and the way back. Only the positions that predict a wanted token go through the head (<see cref="IHeadPass"/>). In float32 on the CPU the backward pass is written by hand
/// (<see cref="DecoderTape"/>, <see cref="FusedHeadPass"/>), elsewhere it is autograd's (<see cref="HeadPass"/>). With checkpointing, of the layers only their inputs are kept, and each layer is computed again in the
/// backward pass (Chen et al. 2016): the same gradient, bit for bit on one thread. Tensors belong to the dispose scope in which the pass was made.
/// </summary>
public sealed class PolicyPass
{
    private readonly Decoder _policy;
    private readonly PackedBatch _pack;
    private readonly Tensor _predictors;
    private readonly Tensor _rows;
    private readonly IHeadPass _head;
    private readonly DecoderTape? _tape;
    private readonly List<Tensor> _inputs = [];
    private PictureRows? _pictures;

    /// <summary>Runs the policy forward; where gradients are on, ready for <see cref="Backward"/>.</summary>
    /// <param name="policy">The policy.</param>
    /// <param name="pack">Sequences.</param>
    /// <param name="chosen">Positions in the pack of the tokens wanted [m] int64; each is predicted at the one before it in its sequence.</param>
    /// <param name="temperature">Sampling temperature.</param>
    /// <param name="entropy">What is done with the entropy.</param>
    /// <param name="checkpointing">Whether layers are computed again in the backward pass.</param>
    public PolicyPass(Decoder policy, PackedBatch pack, Tensor chosen, double temperature, EntropyUse entropy = EntropyUse.None, bool checkpointing = false)
    {
        (_policy, _pack, _predictors) = (policy, pack, pack.Before.index_select(0, chosen));
        var (isFused, targets) = (FusedLayer.Serves(policy.Head), pack.Ids.index_select(0, chosen));
        _tape = isFused && is_grad_enabled() ? new DecoderTape(policy, pack, _predictors, checkpointing) : null;
        _rows = _tape?.Rows ?? (checkpointing && is_grad_enabled() ? KeepInputs() : pack.Forward(policy).index_select(0, _predictors));
        _head = isFused
            ? new FusedHeadPass(policy.Head, _rows, targets, temperature, entropy)
            : new HeadPass(policy.Logits, policy.Config.VocabSize, _rows, targets, temperature, entropy);
    }

    /// <summary>Log-probs of the wanted tokens [m] float32; a leaf whose gradient <see cref="Backward"/> takes on.</summary>
    public Tensor LogProbs => _head.LogProbs;

    /// <summary>Entropy in nats where each was predicted [m] float32, null where it is not wanted; a leaf as well if the loss may depend on it.</summary>
    public Tensor? Entropies => _head.Entropies;

    /// <summary>Adds to the policy's gradients, after the loss's own backward pass has left those of <see cref="LogProbs"/> and <see cref="Entropies"/>. Once a pass.</summary>
    public void Backward()
    {
        using var scope = NewDisposeScope();
        var gradient = _head.Backward();
        if (_tape is not null)
        {
            _tape.Backward(gradient);
            return;
        }

        if (_inputs.Count == 0)
        {
            _rows.backward([gradient]);
            return;
        }

        var rotation = _policy.Rotation(_pack.Positions);
        var attention = _pack.Attention(_policy);
        var pictures = _pictures is null ? null : new PictureGradients(_pictures);
        gradient = Through(_policy.Config.Layers, Top, gradient);
        for (var layer = _policy.Config.Layers - 1; layer >= 0; layer--)
        {
            var index = layer;
            pictures?.Behind(layer, gradient);
            gradient = Through(index, x => _policy.Block(index, x, rotation, attention), gradient);
        }

        pictures?.Embedded(gradient);
        pictures?.Backward();
        if (_policy.Embedding.requires_grad)
        {
            _policy.Embed(_pack.Ids).backward([gradient]);
        }
    }

    /// <summary>Forward without history, the input of each layer and of the last norm kept.</summary>
    private Tensor KeepInputs()
    {
        _pictures = _pack.See(_policy);
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        var rotation = _policy.Rotation(_pack.Positions);
        var attention = _pack.Attention(_policy);
        var x = _policy.Embed(_pack.Ids, _pictures);
        for (var layer = 0; layer < _policy.Config.Layers; layer++)
        {
            using var block = NewDisposeScope();
            _inputs.Add(x);
            var given = _policy.Block(layer, x, rotation, attention);
            x = (_pictures?.Behind(layer, given) ?? given).MoveToOuterDisposeScope();
        }

        _inputs.Add(x);
        foreach (var input in _inputs)
        {
            input.MoveToOuterDisposeScope();
        }

        return Top(x).MoveToOuterDisposeScope();
    }

    private Tensor Top(Tensor x) => _policy.Normalise(x).index_select(0, _predictors);

    /// <summary>Computes a part again from its input, and takes the gradient through it; frees both.</summary>
    private Tensor Through(int part, Func<Tensor, Tensor> compute, Tensor gradient)
    {
        using var scope = NewDisposeScope();
        using var taken = gradient;
        using var input = _inputs[part];
        var x = input.detach().requires_grad_(true);
        compute(x).backward([gradient]);
        return x.grad!.MoveToOuterDisposeScope();
    }
}
