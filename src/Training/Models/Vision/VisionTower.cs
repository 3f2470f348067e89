using Axpo.Imaging;
using Axpo.Training.Devices;
using Axpo.Training.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace Axpo.Training.Models.Vision;

/// <summary>
/// The vision tower of Qwen3-VL (transformers <c>modeling_qwen3_vl.py</c>, <c>Qwen3VLVisionModel</c>): patches of any number of pictures of any sizes in one pass, which do not see each other. Everything runs through autograd.
/// Not thread-safe for writing; any number of threads may run forward passes.
/// </summary>
public sealed class VisionTower
{
    /// <summary>What the names of its parameters begin with.</summary>
    public const string Prefix = "model.visual.";

    private readonly Projection _patches;
    private readonly Tensor _positions;
    private readonly VisionBlock[] _blocks;
    private readonly PatchMerger _merger;
    private readonly PatchMerger[] _deepstackMergers;

    /// <summary>Makes a tower of parameters that it asks for by their Hugging Face names, and whose owner it does not become.</summary>
    /// <param name="config">Shape.</param>
    /// <param name="add">Gives a parameter of a name and shape.</param>
    /// <param name="projections">Receives its linear layers by the names of their modules.</param>
    internal VisionTower(VisionConfig config, Func<string, long[], Tensor> add, IDictionary<string, Projection> projections)
    {
        Config = config;
        Tensor Add(string name, params long[] shape) => add(Prefix + name, shape);
        LayerNorm Norm(string name, long width) => new(Add(name + ".weight", width), Add(name + ".bias", width));
        Projection Linear(string name, long outputs, long inputs) => projections[Prefix + name] = new Projection(Add(name + ".weight", outputs, inputs), Add(name + ".bias", outputs));
        PatchMerger Merger(string name, long normed) => new(Norm(name + ".norm", normed), Linear(name + ".linear_fc1", config.MergedSize, config.MergedSize), Linear(name + ".linear_fc2", config.OutputSize, config.MergedSize));

        _patches = new Projection(Add("patch_embed.proj.weight", config.HiddenSize, config.Channels, config.TemporalPatchSize, config.PatchSize, config.PatchSize), Add("patch_embed.proj.bias", config.HiddenSize));
        _positions = Add("pos_embed.weight", (long)config.PositionSide * config.PositionSide, config.HiddenSize);
        _blocks = new VisionBlock[config.Layers];
        for (var i = 0; i < config.Layers; i++)
        {
            var p = FormattableString.Invariant($"blocks.{i}.");
            var (before, between) = (Norm(p + "norm1", config.HiddenSize), Norm(p + "norm2", config.HiddenSize));
            _blocks[i] = new VisionBlock(
                before,
                Linear(p + "attn.qkv", 3L * config.HiddenSize, config.HiddenSize),
                Linear(p + "attn.proj", config.HiddenSize, config.HiddenSize),
                between,
                Linear(p + "mlp.linear_fc1", config.IntermediateSize, config.HiddenSize),
                Linear(p + "mlp.linear_fc2", config.HiddenSize, config.IntermediateSize));
        }

        _merger = Merger("merger", config.HiddenSize);
        _deepstackMergers = new PatchMerger[config.DeepstackLayers.Count];
        for (var i = 0; i < _deepstackMergers.Length; i++)
        {
            _deepstackMergers[i] = Merger(FormattableString.Invariant($"deepstack_merger_list.{i}"), config.MergedSize);
        }
    }

    /// <summary>Shape.</summary>
    public VisionConfig Config { get; }

    /// <summary>Whether its weights are trained in this pass: autograd is on, and one of them requires it.</summary>
    internal bool IsRecorded => is_grad_enabled() && (_positions.requires_grad || _blocks.Any(b => b.IsAdapted) || _merger.IsAdapted || _deepstackMergers.Any(m => m.IsAdapted));

    /// <summary>Runs the tower over pictures.</summary>
    /// <param name="pictures">The pictures.</param>
    /// <exception cref="ArgumentException">They were cut for another tower.</exception>
    public VisionFeatures Encode(IReadOnlyList<PicturePatches> pictures)
    {
        using var scope = NewDisposeScope();
        var device = _positions.device;
        var patches = cat([.. pictures.Select(p => device.Upload(p.Values).view(p.Grid.Patches, -1))]);
        var seen = Forward(patches, [.. pictures.Select(p => p.Grid)]);
        seen.Tokens.MoveToOuterDisposeScope();
        foreach (var features in seen.Deepstack)
        {
            features.MoveToOuterDisposeScope();
        }

        return seen;
    }

    /// <summary>Runs the tower over pictures.</summary>
    /// <param name="patches">[patches, <see cref="VisionConfig.PatchWidth"/>]: <see cref="PicturePatches.Values"/> of the pictures, one after another.</param>
    /// <param name="grids">Their grids.</param>
    /// <param name="observe">Receives patch_embed, pos_embed and block.i, each [patches, hidden]; for tests.</param>
    /// <exception cref="ArgumentException">The grids are not those of the patches, or a side is no multiple of a token's.</exception>
    public VisionFeatures Forward(Tensor patches, IReadOnlyList<PatchGrid> grids, Action<string, Tensor>? observe = null)
    {
        foreach (var grid in grids)
        {
            if (grid.Time < 1 || grid.Height < 1 || grid.Width < 1 || grid.Height % Config.MergeSize != 0 || grid.Width % Config.MergeSize != 0)
            {
                throw new ArgumentException($"{grid}: sides should be multiples of {Config.MergeSize} above 0", nameof(grids));
            }
        }

        if (grids.Count == 0 || patches.dim() != 2 || patches.shape[1] != Config.PatchWidth || patches.shape[0] != grids.Sum(g => (long)g.Patches))
        {
            throw new ArgumentException($"patches [{string.Join(", ", patches.shape)}] are not {grids.Sum(g => (long)g.Patches)} of {Config.PatchWidth} numbers", nameof(patches));
        }

        using var scope = NewDisposeScope();
        var places = new PatchPositions(grids, Config);
        var frames = FrameRun.Of(grids);
        var rotation = places.Rotation(_positions.device);
        var x = nn.functional.linear(patches.to(_positions.dtype), _patches.Weight.reshape(Config.HiddenSize, -1), _patches.Bias);
        observe?.Invoke("patch_embed", x);
        var embedded = places.Embed(_positions);
        observe?.Invoke("pos_embed", embedded);
        x = x.Plus(embedded);
        var deepstack = new List<Tensor>();
        for (var i = 0; i < _blocks.Length; i++)
        {
            // Without autograd nothing else holds what a block took: many patches would add up over the blocks.
            using var taken = x;
            x = _blocks[i].Apply(taken, Config.Heads, rotation, frames);
            observe?.Invoke(FormattableString.Invariant($"block.{i}"), x);
            if (DeepstackMerger(i) is { } merger)
            {
                deepstack.Add(merger.Apply(x).MoveToOuterDisposeScope());
            }
        }

        return new VisionFeatures(_merger.Apply(x).MoveToOuterDisposeScope(), deepstack);
    }

    private PatchMerger? DeepstackMerger(int layer)
    {
        for (var i = 0; i < _deepstackMergers.Length; i++)
        {
            if (Config.DeepstackLayers[i] == layer)
            {
                return _deepstackMergers[i];
            }
        }

        return null;
    }
}
