using System.Text.Json.Nodes;
using Axpo.Imaging;
using Axpo.Training.Models;
using Axpo.Training.Models.Vision;
using Shouldly;
using TorchSharp;
using Xunit;
using static TorchSharp.torch;

namespace Axpo.Training.Tests.Models.Vision;

/// <summary>A model folder of the fixtures that takes pictures, with the reference's numbers.</summary>
internal sealed class VisionFixture : IDisposable
{
    private readonly Dictionary<string, PicturePatches> _patches = new(StringComparer.Ordinal);

    private VisionFixture(string folder)
    {
        (Folder, Cases, Json) = (folder, Fixtures.Tensors(Path.Combine(folder, "cases.safetensors")), Fixtures.Json(Path.Combine(folder, "cases.json")));
        Model = VisionLanguageModel.Load(folder);
        Processor = Model.ReadProcessor(folder);
    }

    public static TheoryData<string> Folders
    {
        get
        {
            var data = new TheoryData<string>();
            string[] folders = Directory.Exists(Family) ? [.. Directory.EnumerateDirectories(Family).Where(IsOne).Order(StringComparer.Ordinal)] : [];
            foreach (var folder in folders)
            {
                data.Add(Path.GetFileName(folder));
            }

            if (data.Count == 0)
            {
                data.Add("(no models with pictures in AXPO_FIXTURES)");
            }

            return data;
        }
    }

    public string Folder { get; }

    public Dictionary<string, Tensor> Cases { get; }

    public JsonObject Json { get; }

    public VisionLanguageModel Model { get; }

    public PictureProcessor Processor { get; }

    /// <summary>Names of the pictures.</summary>
    public IEnumerable<string> Pictures => Json["images"]!.AsObject().Select(p => p.Key);

    /// <summary>Names of the cases of one row.</summary>
    public IEnumerable<string> Rows => Json["cases"]!.AsObject().Select(p => p.Key).Where(name => Cases[name + ".input_ids"].dim() == 1);

    private static string Family => Path.Combine(Fixtures.Root, "models");

    public static VisionFixture Open(string name)
    {
        Assert.SkipUnless(Directory.Exists(Path.Combine(Family, name)), name);
        return new VisionFixture(Path.Combine(Family, name));
    }

    public static bool IsOne(string folder) =>
        File.Exists(Path.Combine(folder, "cases.safetensors")) && File.Exists(Path.Combine(folder, "config.json")) && Fixtures.Json(Path.Combine(folder, "config.json")).ContainsKey("vision_config");

    /// <summary>A picture's file, decoded.</summary>
    public Picture Picture(string name) => PictureDecoder.Decode(File.ReadAllBytes(Path.Combine(Folder, Json["images"]![name]!["file"]!.GetValue<string>())));

    /// <summary>A picture's patches, by our own way from its file.</summary>
    public PicturePatches Patches(string name) => _patches.TryGetValue(name, out var patches) ? patches : _patches[name] = Processor.Process(Picture(name));

    /// <summary>The pictures of a case, in order.</summary>
    public PicturePatches[] PicturesOf(string @case) => [.. Json["cases"]![@case]!["images"]!.AsArray().Select(n => Patches(n!.GetValue<string>()))];

    /// <summary>The final hidden states of sequences with pictures, end to end.</summary>
    public Tensor Forward(IReadOnlyList<long[]> sequences, IReadOnlyList<PicturePatches> pictures, Action<string, Tensor>? observe = null) =>
        Forward(sequences, pictures, pictures.Count == 0 ? null : Model.EncodeImages(pictures), observe);

    /// <summary>The same, with features that are there already.</summary>
    public Tensor Forward(IReadOnlyList<long[]> sequences, IReadOnlyList<PicturePatches> pictures, VisionFeatures? features, Action<string, Tensor>? observe = null)
    {
        var left = new Queue<PatchGrid>(pictures.Select(p => p.Grid));
        var positions = sequences.Select(ids => TokenPositions.Of(ids, Taken(ids, left), Model.Config)).ToArray();
        left.ShouldBeEmpty();
        return Model.Forward([.. sequences.SelectMany(s => s)], TokenPositions.EndToEnd(positions), CausalAttention.Packed([.. sequences.Select(s => s.Length)], Model.Config.Text), features, observe);
    }

    public Tensor Logits(long[] ids, IReadOnlyList<PicturePatches> pictures) => Model.Text.Logits(Forward([ids], pictures));

    public void Dispose() => Model.Dispose();

    /// <summary>The next pictures, as many as a row has runs of image tokens.</summary>
    private PatchGrid[] Taken(long[] ids, Queue<PatchGrid> left)
    {
        var image = Model.Config.ImageToken;
        return [.. Enumerable.Range(0, ids.Length).Where(i => ids[i] == image && (i == 0 || ids[i - 1] != image)).Select(_ => left.Dequeue())];
    }
}
