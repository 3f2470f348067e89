using Axpo.Imaging;
using Axpo.Training.Devices;
using Axpo.Training.Files;
using Axpo.Training.Native;
using Axpo.Training.Safetensors;
using TorchSharp;
using static TorchSharp.torch;

namespace Axpo.Training.Models.Vision;

/// <summary>
/// A model of pictures and text, Qwen3-VL (transformers <c>modeling_qwen3_vl.py</c>): a vision tower, and a <see cref="Decoder"/> that takes its features in place of image tokens, turns by three positions and is given the tower's deepstack features
/// behind its first layers. Text alone is the decoder's own path. Without autograd the decoder's layers run through its fused kernels.
/// Not thread-safe for writing; any number of threads may run forward passes.
/// </summary>
public sealed class VisionLanguageModel : IDisposable
{
    private const string TextPrefix = "model.";
    private const string LanguagePrefix = "model.language_model.";

    private readonly ModelDescription _description;
    private readonly MultiAxisRope _rope;

    private VisionLanguageModel(VisionLanguageConfig config, ModelDescription description, Func<string, long[], Tensor> make)
    {
        (Config, _description) = (config, description);
        Tower = new VisionTower(config.Vision, make);
        Text = Decoder.From(config.Text, (name, shape) => make(FolderName(name), shape));
        Parameters = [.. Tower.Parameters, .. Text.Parameters.Select(p => (FolderName(p.Name), p.Value))];
        _rope = new MultiAxisRope(config, Text.Device);
    }

    /// <summary>Shape.</summary>
    public VisionLanguageConfig Config { get; }

    /// <summary>The vision tower.</summary>
    public VisionTower Tower { get; }

    /// <summary>The decoder.</summary>
    public Decoder Text { get; }

    /// <summary>Where the weights are.</summary>
    public Device Device => Text.Device;

    /// <summary>Parameters by their Hugging Face names, in file order; a tied head appears once.</summary>
    public IReadOnlyList<(string Name, Tensor Value)> Parameters { get; }

    /// <summary>Loads a Hugging Face folder, names and shapes checked strictly.</summary>
    /// <param name="folder">Folder with config.json and safetensors.</param>
    /// <param name="device">Where to; null: CPU.</param>
    /// <param name="dtype">Compute precision; null: float32, whatever the file holds.</param>
    /// <exception cref="FileNotFoundException">A file is missing.</exception>
    /// <exception cref="InvalidDataException">Names or shapes do not fit.</exception>
    /// <exception cref="NotSupportedException">The architecture is not supported.</exception>
    public static VisionLanguageModel Load(string folder, Device? device = null, ScalarType? dtype = null)
    {
        LibtorchLoader.EnsureLoaded();
        var config = VisionLanguageConfig.FromFolder(folder);
        using var scope = NewDisposeScope();
        var tensors = ModelWeights.Read(folder, Shapes(config), name => config.Text.TieWordEmbeddings && name == "lm_head.weight");
        return new VisionLanguageModel(
            config, ModelDescription.FromFolder(folder, config.Text), (name, _) => tensors[name].to(dtype ?? ScalarType.Float32, device ?? ComputeDevice.Cpu, copy: true).requires_grad_(false));
    }

    /// <summary>Writes config.json, generation_config.json and model.safetensors: a folder that transformers loads (tokenizer and preprocessor files are the caller's). The folder is there whole or not at all.</summary>
    /// <exception cref="IOException">The folder exists.</exception>
    public void Save(string folder)
    {
        using var draft = new FolderDraft(folder);
        SaveInto(draft.Path);
        draft.Finish();
    }

    /// <summary>Writes the files of <see cref="Save"/> into an existing folder.</summary>
    public void SaveInto(string folder)
    {
        _description.Write(folder);
        ModelWeights.Write(folder, Parameters);
    }

    /// <summary>Reads how a folder has pictures prepared, and checks that it is meant for this tower.</summary>
    /// <param name="folder">A model's folder.</param>
    /// <exception cref="FileNotFoundException">There is no <c>preprocessor_config.json</c>.</exception>
    /// <exception cref="NotSupportedException">A field that would change the patches is not supported; the message names it.</exception>
    /// <exception cref="InvalidDataException">A field is missing or has the wrong type, or the patches are of another size or order than the tower's.</exception>
    public PictureProcessor ReadProcessor(string folder)
    {
        var processor = PictureProcessorFile.Read(folder);
        Check("patch_size", processor.PatchSize, Config.Vision.PatchSize);
        Check("temporal_patch_size", processor.TemporalPatchSize, Config.Vision.TemporalPatchSize);
        Check("merge_size", processor.MergeSize, Config.Vision.MergeSize);
        return processor;

        void Check(string field, int found, int needed)
        {
            if (found != needed)
            {
                throw new InvalidDataException($"{Path.Combine(folder, PictureProcessorFile.FileName)}: {field} is {found}, the model's is {needed}");
            }
        }
    }

    /// <summary>Runs the tower over pictures.</summary>
    /// <param name="pictures">The pictures.</param>
    /// <exception cref="ArgumentException">They were cut for another tower.</exception>
    public VisionFeatures EncodeImages(IReadOnlyList<PicturePatches> pictures)
    {
        using var scope = NewDisposeScope();
        var patches = cat([.. pictures.Select(p => Device.Upload(p.Values).view(p.Grid.Patches, -1))]);
        var seen = Tower.Forward(patches, [.. pictures.Select(p => p.Grid)]);
        seen.Tokens.MoveToOuterDisposeScope();
        foreach (var features in seen.Deepstack)
        {
            features.MoveToOuterDisposeScope();
        }

        return seen;
    }

    /// <summary>Runs the decoder over tokens and pictures.</summary>
    /// <param name="ids">[n] tokens.</param>
    /// <param name="positions">Of the n tokens.</param>
    /// <param name="attention">How they attend.</param>
    /// <param name="pictures">Features of the pictures whose tokens are among them, in order; null: there are none.</param>
    /// <param name="observe">Receives (in.i, what layer i takes) and (layer.i, what it gives, before deepstack features are added), each [n, hidden]; for tests.</param>
    /// <returns>[n, hidden], after the final norm.</returns>
    /// <exception cref="ArgumentException">The image tokens are not as many as the features, or a position is beyond the model's.</exception>
    public Tensor Forward(long[] ids, TokenPositions positions, AttentionKernel attention, VisionFeatures? pictures = null, Action<string, Tensor>? observe = null)
    {
        var rows = Rows(ids, positions, pictures);
        using var scope = NewDisposeScope();
        var rotation = _rope.Rotation(Text, positions.ToTensor(Device));
        var x = Text.Embed(Device.Upload(ids));
        if (pictures is not null)
        {
            x = x.index_copy(0, rows, pictures.Tokens);
        }

        for (var i = 0; i < Config.Text.Layers; i++)
        {
            observe?.Invoke(FormattableString.Invariant($"in.{i}"), x);
            x = Text.Block(i, x, rotation, attention);
            observe?.Invoke(FormattableString.Invariant($"layer.{i}"), x);
            if (i < pictures?.Deepstack.Count)
            {
                x = x.PlusRows(rows, pictures.Deepstack[i]);
            }
        }

        observe?.Invoke(FormattableString.Invariant($"in.{Config.Text.Layers}"), x);
        return Text.Normalise(x).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Tower.Dispose();
        Text.Dispose();
        _rope.Dispose();
    }

    /// <summary>Shape of every parameter.</summary>
    internal static Dictionary<string, long[]> Shapes(VisionLanguageConfig config)
    {
        var shapes = Decoder.Shapes(config.Text).ToDictionary(p => FolderName(p.Key), p => p.Value, StringComparer.Ordinal);
        using var tower = new VisionTower(config.Vision, (name, shape) =>
        {
            shapes[name] = shape;
            return empty(shape, device: META);
        });
        return shapes;
    }

    /// <summary>The name that a parameter of the decoder has in the folder.</summary>
    private static string FolderName(string name) => name.StartsWith(TextPrefix, StringComparison.Ordinal) ? LanguagePrefix + name[TextPrefix.Length..] : name;

    /// <summary>Rows of the image tokens [tokens] int64.</summary>
    private Tensor Rows(long[] ids, TokenPositions positions, VisionFeatures? pictures)
    {
        if (positions.Time.Length != ids.Length || positions.Next > Config.Text.MaxPositions)
        {
            throw new ArgumentException($"{positions.Time.Length} positions below {positions.Next} do not fit {ids.Length} tokens of a model with {Config.Text.MaxPositions}", nameof(positions));
        }

        long[] rows = [.. ids.Select((id, row) => (id, row)).Where(t => t.id == Config.ImageToken).Select(t => (long)t.row)];
        var features = pictures?.Tokens.shape[0] ?? 0;
        return rows.Length == features ? Device.Upload(rows) : throw new ArgumentException($"{rows.Length} image tokens stand for {features} features", nameof(pictures));
    }
}
