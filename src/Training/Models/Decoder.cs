using Axpo.Core;
using Axpo.Training.Devices;
using Axpo.Training.Files;
using Axpo.Training.Kernels;
using Axpo.Training.Models.Lora;
using Axpo.Training.Models.Vision;
using Axpo.Training.Native;
using Axpo.Training.Safetensors;
using TorchSharp;
using static TorchSharp.torch;

namespace Axpo.Training.Models;

/// <summary>
/// How the n tokens of a forward pass attend to each other, and to a cache: the one thing in which engine and learner differ.
/// </summary>
/// <param name="layer">Layer, from 0.</param>
/// <param name="q">[n, heads, headDim], after QK-norm and rope.</param>
/// <param name="k">[n, kvHeads, headDim], after QK-norm and rope.</param>
/// <param name="v">[n, kvHeads, headDim].</param>
/// <returns>[n, heads, headDim].</returns>
public delegate Tensor AttentionKernel(int layer, Tensor q, Tensor k, Tensor v);

/// <summary>
/// A decoder of the Llama and Qwen families (transformers <c>modeling_llama.py</c>, <c>modeling_qwen2.py</c>, <c>modeling_qwen3.py</c>): pre-norm blocks, grouped-query attention, by option with per-head QK-norm before
/// rope on halves and with biases, SwiGLU, tied or untied head. All tokens are flattened: no padded token enters a linear layer.
/// Not thread-safe for writing; any number of threads may run forward passes.
/// </summary>
public sealed class Decoder : IDisposable
{
    private readonly DecoderLayer[] _layers;
    private readonly Tensor _embedding;
    private readonly Tensor _norm;
    private readonly Tensor _head;
    private readonly List<(string Name, Tensor Value)> _parameters = [];
    private readonly Dictionary<string, Projection> _projections = new(StringComparer.Ordinal);
    private readonly Tensor _cos;
    private readonly Tensor _sin;
    private readonly Tensor? _axes;
    private readonly ModelDescription _description;
    private bool _towerIsFrozen;
    private PackedMatrix? _packedHead;

    private Decoder(DecoderConfig config, ModelDescription description, Func<string, long[], Tensor> make)
    {
        (Config, _description) = (config, description);
        using var scope = NewDisposeScope();
        Tensor Add(string name, params long[] shape)
        {
            var value = make(name, shape);
            value.MoveToOuterDisposeScope();
            value.DetachFromDisposeScope();
            _parameters.Add((name, value));
            return value;
        }

        // Beside a tower the decoder is a part of the model.
        var decoder = config.Pictures is null ? "model." : "model.language_model.";
        Tower = config.Pictures is null ? null : new VisionTower(config.Pictures.Tower, Add, _projections);
        _embedding = Add(decoder + "embed_tokens.weight", config.VocabSize, config.HiddenSize);
        _layers = new DecoderLayer[config.Layers];
        for (var i = 0; i < config.Layers; i++)
        {
            var p = FormattableString.Invariant($"{decoder}layers.{i}.");
            Projection Linear(string name, long outputs, long inputs, bool bias) =>
                _projections[p + name] = new Projection(Add(p + name + ".weight", outputs, inputs), bias ? Add(p + name + ".bias", outputs) : null);
            var (query, key) = ((long)config.Heads * config.HeadDim, (long)config.KvHeads * config.HeadDim);
            _layers[i] = new DecoderLayer(
                Add(p + "input_layernorm.weight", config.HiddenSize),
                Linear("self_attn.q_proj", query, config.HiddenSize, config.QkvBias),
                Linear("self_attn.k_proj", key, config.HiddenSize, config.QkvBias),
                Linear("self_attn.v_proj", key, config.HiddenSize, config.QkvBias),
                Linear("self_attn.o_proj", config.HiddenSize, query, config.OutputBias),
                config.QkNorm ? Add(p + "self_attn.q_norm.weight", config.HeadDim) : null,
                config.QkNorm ? Add(p + "self_attn.k_norm.weight", config.HeadDim) : null,
                Add(p + "post_attention_layernorm.weight", config.HiddenSize),
                Linear("mlp.gate_proj", config.IntermediateSize, config.HiddenSize, config.MlpBias),
                Linear("mlp.up_proj", config.IntermediateSize, config.HiddenSize, config.MlpBias),
                Linear("mlp.down_proj", config.HiddenSize, config.IntermediateSize, config.MlpBias));
        }

        _norm = Add(decoder + "norm.weight", config.HiddenSize);
        _head = config.TieWordEmbeddings ? _embedding : Add("lm_head.weight", config.VocabSize, config.HiddenSize);
        (_cos, _sin) = Rope.Tables(config, _norm.device, _norm.dtype);
        _cos.DetachFromDisposeScope();
        _sin.DetachFromDisposeScope();
        _axes = config.Pictures is null ? null : MultiAxisRope.Axes(config.Pictures.RopeSections, config.HeadDim, _norm.device).DetachFromDisposeScope();
    }

    /// <summary>Shape.</summary>
    public DecoderConfig Config { get; }

    /// <summary>What it sees pictures with; null: it reads text only.</summary>
    public VisionTower? Tower { get; }

    /// <summary>Where the weights are.</summary>
    public Device Device => _norm.device;

    /// <summary>Parameters by their Hugging Face names, in file order; a tied head appears once.</summary>
    public IReadOnlyList<(string Name, Tensor Value)> Parameters => _parameters;

    /// <summary>The adapter; null: there is none.</summary>
    public LoraAdapter? Adapter { get; private set; }

    /// <summary>What training changes: the adapter's parameters where there is one, else every parameter, but for a frozen tower's.</summary>
    public IReadOnlyList<(string Name, Tensor Value)> Trained =>
        Adapter?.Parameters ?? (_towerIsFrozen ? [.. _parameters.Where(p => !p.Name.StartsWith(VisionTower.Prefix, StringComparison.Ordinal))] : _parameters);

    /// <summary>From now on training leaves the tower as it is.</summary>
    public void FreezeTower() => _towerIsFrozen = true;

    /// <summary>Takes an adapter, whose owner it becomes; the parameters below it are not trained any more.</summary>
    /// <exception cref="InvalidOperationException">There is one already.</exception>
    public void Attach(LoraAdapter adapter)
    {
        if (Adapter is not null)
        {
            throw new InvalidOperationException("the decoder has an adapter already; merge it first");
        }

        Adapter = adapter;
        foreach (var (_, value) in _parameters)
        {
            value.requires_grad_(false);
        }

        foreach (var pair in adapter.Pairs)
        {
            _projections[pair.Module].Lora = pair;
        }
    }

    /// <summary>The same weights in the same memory without the adapter: what it was before it was trained.</summary>
    public Decoder WithoutAdapter()
    {
        var values = _parameters.ToDictionary(p => p.Name, p => p.Value, StringComparer.Ordinal);
        return new Decoder(Config, _description, (name, _) => values[name].detach());
    }

    /// <summary>Whether it was loaded by <see cref="LoadPacked"/> on a processor that it is for: a row's bits are then the same whatever rows there are beside it.</summary>
    internal bool IsPacked => _packedHead is not null;

    /// <summary>A copy with its own memory in which the adapter is part of the weights: W + scale B A.</summary>
    public Decoder Merged()
    {
        using var guard = no_grad();
        var merged = Clone();
        merged.Adapter?.Dispose();
        merged.Adapter = null;
        foreach (var pair in Adapter?.Pairs ?? [])
        {
            using var scope = NewDisposeScope();
            var projection = merged._projections[pair.Module];
            projection.Lora = null;
            projection.Weight.IncreaseBy(pair.B.mm(pair.A).Times(pair.Scale));
        }

        return merged;
    }

    /// <summary>Loads a Hugging Face folder, names and shapes checked strictly. Of an adapter's folder it is the adapter's model with the adapter in its weights.</summary>
    /// <param name="folder">Folder with config.json and safetensors, or with an adapter.</param>
    /// <param name="device">Where to; null: CPU.</param>
    /// <param name="dtype">Compute precision; null: float32, whatever the file holds.</param>
    /// <exception cref="FileNotFoundException">A file is missing.</exception>
    /// <exception cref="InvalidDataException">Names or shapes do not fit.</exception>
    /// <exception cref="NotSupportedException">The architecture is not supported.</exception>
    public static Decoder Load(string folder, Device? device = null, ScalarType? dtype = null)
    {
        LibtorchLoader.EnsureLoaded();
        return LoraShape.IsIn(folder) ? LoadMerged(folder, device, dtype) : Load(folder, (_, tensor) => tensor.to(dtype ?? ScalarType.Float32, device ?? ComputeDevice.Cpu, copy: true).requires_grad_(false));
    }

    /// <summary>
    /// Loads a folder for generation on the CPU in float32: where the processor is one of <see cref="PanelProduct"/>, the weights of linear layers, and a tied embedding with them, are there only as it reads them, and the decoder
    /// for <see cref="Forward"/> and <see cref="LogitsInto"/> only.
    /// </summary>
    /// <inheritdoc cref="Load(string, Device?, ScalarType?)"/>
    internal static Decoder LoadPacked(string folder)
    {
        LibtorchLoader.EnsureLoaded();
        if (!PanelProduct.IsSupported)
        {
            return Load(folder);
        }

        var tied = DecoderConfig.FromFolder(folder).TieWordEmbeddings;
        var decoder = LoraShape.IsIn(folder) ? LoadMerged(folder, null, null) : Load(folder, (name, tensor) => IsMatrix(name, tensor) ? tensor : tensor.to(ScalarType.Float32, copy: true));
        try
        {
            decoder.Pack();
            return decoder;
        }
        catch
        {
            decoder.Dispose();
            throw;
        }

        // What is packed stays in the file until then.
        bool IsMatrix(string name, Tensor tensor) =>
            tensor.dim() == 2 && !name.StartsWith(VisionTower.Prefix, StringComparison.Ordinal) && (tied || !name.EndsWith("embed_tokens.weight", StringComparison.Ordinal));
    }

    /// <summary>Checks names and shapes of a folder's weights without reading them.</summary>
    /// <exception cref="FileNotFoundException">A file is missing.</exception>
    /// <exception cref="InvalidDataException">Names or shapes do not fit.</exception>
    /// <exception cref="NotSupportedException">The architecture is not supported.</exception>
    public static void CheckFolder(string folder)
    {
        LibtorchLoader.EnsureLoaded();
        var config = DecoderConfig.FromFolder(folder);
        if (LoraShape.IsIn(folder))
        {
            LoraAdapter.Load(folder, config, ComputeDevice.Cpu).Dispose();
            CheckFolder(LoraShape.BaseOf(folder));
            return;
        }

        ModelWeights.Check(folder, Shapes(config), IsIgnored(config));
    }

    /// <summary>
    /// A fresh decoder, initialised as measured to learn: embedding and head .02; q, k, v, gate, up hidden^-0.5; output projections hidden^-0.5 / sqrt(2 layers);
    /// norms 1; biases 0; a tower likewise,
    /// its positions .5, as large as its patches, and what it gives the decoder as large as what a layer adds: what it must tell is where something is; deepstack .02. Normal numbers from keyed noise: the same on every machine.
    /// </summary>
    public static Decoder Create(DecoderConfig config, ulong seed, Device? device = null)
    {
        LibtorchLoader.EnsureLoaded();
        var root = ChanceKey.Root(seed).With("decoder");
        return new Decoder(config, ModelDescription.Of(config), (name, shape) =>
        {
            if (shape.Length == 1)
            {
                return name.EndsWith(".bias", StringComparison.Ordinal) ? zeros(shape, device: device ?? ComputeDevice.Cpu) : ones(shape, device: device ?? ComputeDevice.Cpu);
            }

            var tower = name.StartsWith(VisionTower.Prefix, StringComparison.Ordinal) ? config.Pictures!.Tower : null;
            var scale = Math.Pow(tower is null ? config.HiddenSize : shape.Skip(1).Aggregate(1L, (a, b) => a * b), -.5);
            var deviation = name switch
            {
                _ when name.EndsWith("embed_tokens.weight", StringComparison.Ordinal) || name == "lm_head.weight" => .02,
                _ when name.EndsWith("pos_embed.weight", StringComparison.Ordinal) => .5,
                _ when name.EndsWith("o_proj.weight", StringComparison.Ordinal) || name.EndsWith("down_proj.weight", StringComparison.Ordinal) => scale / Math.Sqrt(2.0 * config.Layers),
                _ when tower is not null && (name.EndsWith("attn.proj.weight", StringComparison.Ordinal) || name.EndsWith("mlp.linear_fc2.weight", StringComparison.Ordinal)) => scale / Math.Sqrt(2.0 * tower.Layers),
                _ when name.Contains("deepstack_merger_list", StringComparison.Ordinal) => .02,
                _ => scale,
            };
            var key = root.With(name);
            var values = new float[shape.Aggregate(1L, (a, b) => a * b)];
            for (var i = 0; i < values.Length; i += 2)
            {
                // Box-Muller on two keyed uniforms.
                var radius = Math.Sqrt(-2 * Math.Log(key.Uniform(0, (uint)i)));
                var (sin, cos) = Math.SinCos(2 * Math.PI * key.Uniform(1, (uint)i));
                values[i] = (float)(deviation * radius * cos);
                if (i + 1 < values.Length)
                {
                    values[i + 1] = (float)(deviation * radius * sin);
                }
            }

            return tensor(values, shape).to(device ?? ComputeDevice.Cpu);
        });
    }

    /// <summary>A copy with its own memory, without gradients.</summary>
    /// <param name="dtype">Its precision; null: this one's.</param>
    public Decoder Clone(ScalarType? dtype = null)
    {
        var values = _parameters.ToDictionary(p => p.Name, p => p.Value, StringComparer.Ordinal);
        return With(
            new Decoder(Config, _description, (name, _) => values[name].detach().to(dtype ?? values[name].dtype, values[name].device, copy: true)),
            t => t.detach().to(dtype ?? t.dtype, t.device, copy: true));
    }

    /// <summary>Takes what training changes of another decoder in place, rounded to this one's precision.</summary>
    /// <exception cref="ArgumentException">The shapes differ.</exception>
    public void CopyFrom(Decoder other)
    {
        using var guard = no_grad();
        var others = other.Trained.ToDictionary(p => p.Name, p => p.Value, StringComparer.Ordinal);
        foreach (var (name, value) in Trained)
        {
            if (!others.TryGetValue(name, out var source) || !value.shape.AsSpan().SequenceEqual(source.shape))
            {
                throw new ArgumentException($"{name} [{string.Join(", ", value.shape)}]: the other one has {(source is null ? "none" : $"[{string.Join(", ", source.shape)}]")}", nameof(other));
            }

            value.copy_(source);
        }
    }

    /// <summary>
    /// Writes config.json, generation_config.json and model.safetensors: a folder that transformers loads (tokenizer files are the caller's).
    /// Written aside and renamed: the folder is there whole or not at all.
    /// </summary>
    /// <exception cref="IOException">The folder exists.</exception>
    public void Save(string folder)
    {
        using var draft = new FolderDraft(folder);
        SaveInto(draft.Path);
        draft.Finish();
    }

    /// <summary>Writes the files of <see cref="Save"/> into an existing folder, for callers that add their own before they rename it.</summary>
    public void SaveInto(string folder)
    {
        _description.Write(folder);
        ModelWeights.Write(folder, _parameters);
    }

    /// <summary>Runs the decoder over tokens.</summary>
    /// <param name="ids">[n] int64.</param>
    /// <param name="positions">[n] int64, below <see cref="DecoderConfig.MaxPositions"/>; or, of a decoder that sees, [3, n] along time, height and width.</param>
    /// <param name="attention">How they attend.</param>
    /// <param name="observe">Receives (0, what layer 0 takes) and (i + 1, output of layer i), each [n, hidden]; for tests.</param>
    /// <param name="pictures">Tokens that stand for pictures; null: there are none.</param>
    /// <returns>[n, hidden], after the final norm.</returns>
    public Tensor Forward(Tensor ids, Tensor positions, AttentionKernel attention, Action<int, Tensor>? observe = null, PictureRows? pictures = null)
    {
        using var scope = NewDisposeScope();
        var rotation = Rotation(positions);
        var x = Embed(ids, pictures);
        observe?.Invoke(0, x);
        for (var i = 0; i < _layers.Length; i++)
        {
            // What a layer makes on the way is given back at its end, unless autograd keeps it.
            using var layer = NewDisposeScope();
            var given = Block(i, x, rotation, attention);
            observe?.Invoke(i + 1, given);
            x = (pictures?.Behind(i, given) ?? given).MoveToOuterDisposeScope();
        }

        return Normalise(x).MoveToOuterDisposeScope();
    }

    /// <summary>Cosines and sines of positions.</summary>
    /// <param name="positions">[n] int64; or, of a decoder that sees, [3, n] along time, height and width.</param>
    /// <returns>Both [n, 1, headDim].</returns>
    public (Tensor Cos, Tensor Sin) Rotation(Tensor positions)
    {
        if (positions.dim() == 1)
        {
            return (Row(_cos, positions), Row(_sin, positions));
        }

        var axes = _axes ?? throw new ArgumentException($"positions [{string.Join(", ", positions.shape)}]: this decoder turns by one position", nameof(positions));
        var all = positions.reshape(-1);
        return (MultiAxisRope.Pick(Row(_cos, all), axes), MultiAxisRope.Pick(Row(_sin, all), axes));

        static Tensor Row(Tensor table, Tensor at) => table.index_select(0, at).unsqueeze(1);
    }

    /// <summary>What layer 0 takes: embeddings, and pictures in place of their tokens'.</summary>
    /// <param name="ids">[n] int64.</param>
    /// <param name="pictures">Tokens that stand for pictures; null: there are none.</param>
    /// <returns>[n, hidden].</returns>
    public Tensor Embed(Tensor ids, PictureRows? pictures = null)
    {
        var x = IsPacked && Config.TieWordEmbeddings ? _packedHead!.Rows(ids) : Aten.Embedding(_embedding, ids);
        return pictures?.Embedded(x) ?? x;
    }

    /// <summary>One layer.</summary>
    /// <param name="index">Layer, from 0.</param>
    /// <param name="x">[n, hidden].</param>
    /// <param name="rotation">Of the n positions.</param>
    /// <param name="attention">How they attend.</param>
    /// <returns>[n, hidden].</returns>
    public Tensor Block(int index, Tensor x, (Tensor Cos, Tensor Sin) rotation, AttentionKernel attention)
    {
        var layer = _layers[index];
        if (!is_grad_enabled() && FusedLayer.Serves(x))
        {
            return new FusedLayer(Config, layer).Forward(index, x, rotation, attention);
        }

        var n = x.size(0);
        var h = Aten.RmsNorm(x, layer.InputNorm, Config.RmsNormEps);
        var q = layer.Q.Apply(h).view(n, Config.Heads, Config.HeadDim);
        var k = layer.K.Apply(h).view(n, Config.KvHeads, Config.HeadDim);
        var v = layer.V.Apply(h).view(n, Config.KvHeads, Config.HeadDim);
        q = Rope.Apply(layer.QNorm is null ? q : Aten.RmsNorm(q, layer.QNorm, Config.RmsNormEps), rotation.Cos, rotation.Sin);
        k = Rope.Apply(layer.KNorm is null ? k : Aten.RmsNorm(k, layer.KNorm, Config.RmsNormEps), rotation.Cos, rotation.Sin);
        var attended = attention(index, q, k, v).reshape(n, (long)Config.Heads * Config.HeadDim);
        x = x.Plus(layer.O.Apply(attended));
        h = Aten.RmsNorm(x, layer.PostNorm, Config.RmsNormEps);
        return x.Plus(layer.Down.Apply(nn.functional.silu(layer.Gate.Apply(h)) * layer.Up.Apply(h)));
    }

    /// <summary>The norm after the last layer.</summary>
    /// <param name="x">[n, hidden].</param>
    /// <returns>[n, hidden].</returns>
    public Tensor Normalise(Tensor x)
    {
        if (is_grad_enabled() || !FusedLayer.Serves(x))
        {
            return Aten.RmsNorm(x, _norm, Config.RmsNormEps);
        }

        var (rows, inverse) = FusedLayer.Normalise(x, _norm, Config.RmsNormEps);
        inverse.Dispose();
        return rows;
    }

    /// <summary>Logits of hidden states.</summary>
    /// <param name="hidden">[m, hidden].</param>
    /// <returns>[m, vocabulary].</returns>
    public Tensor Logits(Tensor hidden) => nn.functional.linear(hidden, _head);

    /// <summary>Writes the logits of a part of the vocabulary; without gradient.</summary>
    /// <param name="logits">[m, n], contiguous, overwritten: logits of n tokens.</param>
    /// <param name="hidden">[m, hidden].</param>
    /// <param name="first">First of the tokens; a multiple of 32.</param>
    public void LogitsInto(Tensor logits, Tensor hidden, int first)
    {
        if (IsPacked)
        {
            _packedHead!.MultiplyInto(hidden, first, logits);
            return;
        }

        using var part = _head.narrow(0, first, logits.size(1));
        using var columns = part.t();
        Aten.MultiplyInto(logits, hidden, columns);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var (_, value) in _parameters)
        {
            value.Dispose();
        }

        foreach (var projection in _projections.Values)
        {
            projection.Dispose();
        }

        _packedHead?.Dispose();
        Adapter?.Dispose();
        _cos.Dispose();
        _sin.Dispose();
        _axes?.Dispose();
    }

    /// <summary>Weights of the norm after the last layer [hidden].</summary>
    internal Tensor FinalNorm => _norm;

    /// <summary>Weights of the head [vocabulary, hidden]; the embedding where they are tied.</summary>
    internal Tensor Head => _head;

    /// <summary>The embedding [vocabulary, hidden].</summary>
    internal Tensor Embedding => _embedding;

    /// <summary>Weights of a layer, from 0.</summary>
    internal DecoderLayer Layer(int index) => _layers[index];

    /// <summary>The same weights in the same memory, whose gradients are gathered apart from this one's.</summary>
    internal Decoder Share()
    {
        var values = _parameters.ToDictionary(p => p.Name, p => p.Value, StringComparer.Ordinal);
        return With(new Decoder(Config, _description, (name, _) => values[name].detach().requires_grad_(values[name].requires_grad)), t => t.detach().requires_grad_(t.requires_grad));
    }

    private static Decoder Load(string folder, Func<string, Tensor, Tensor> take)
    {
        var config = DecoderConfig.FromFolder(folder);
        using var scope = NewDisposeScope();
        var tensors = ModelWeights.Read(folder, Shapes(config), IsIgnored(config));
        return new Decoder(config, ModelDescription.FromFolder(folder, config), (name, _) => take(name, tensors[name]));
    }

    /// <summary>An adapter's model with the adapter in its weights.</summary>
    private static Decoder LoadMerged(string folder, Device? device, ScalarType? dtype)
    {
        using var adapted = Load(LoraShape.BaseOf(folder), device, dtype);
        adapted.Attach(LoraAdapter.Load(folder, adapted.Config, adapted.Device));
        return adapted.Merged();
    }

    private void Pack()
    {
        foreach (var projection in _layers.SelectMany(l => l.Projections))
        {
            projection.Pack();
        }

        _packedHead = new PackedMatrix(_head);
        _head.Dispose();
    }

    private Decoder With(Decoder copy, Func<Tensor, Tensor> map)
    {
        copy._towerIsFrozen = _towerIsFrozen;
        if (Adapter is not null)
        {
            copy.Attach(Adapter.Map(map));
        }

        return copy;
    }

    /// <summary>Names that may be there and hold nothing of their own: a stored copy of a tied head, and rope's frequencies, which old folders of Llama carry.</summary>
    private static Func<string, bool> IsIgnored(DecoderConfig config) => name => (config.TieWordEmbeddings && name == "lm_head.weight") || name.EndsWith(".rotary_emb.inv_freq", StringComparison.Ordinal);

    /// <summary>Shape of every parameter.</summary>
    internal static Dictionary<string, long[]> Shapes(DecoderConfig config)
    {
        var shapes = new Dictionary<string, long[]>(StringComparer.Ordinal);
        using var decoder = new Decoder(config, ModelDescription.Of(config), (name, shape) =>
        {
            shapes[name] = shape;
            return empty(shape, device: META);
        });
        return shapes;
    }
}
