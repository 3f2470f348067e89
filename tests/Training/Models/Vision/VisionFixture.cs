using System.Text.Json.Nodes;
using Axpo.Core;
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
        Model = Decoder.Load(folder);
        Processor = PictureProcessors.Read(folder, Config.Tower);
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

    public Decoder Model { get; }

    /// <summary>What the model sees with.</summary>
    public PictureConfig Config => Model.Config.Pictures!;

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
        System.IO.File.Exists(Path.Combine(folder, "cases.safetensors")) && System.IO.File.Exists(Path.Combine(folder, "config.json")) && Fixtures.Json(Path.Combine(folder, "config.json")).ContainsKey("vision_config");

    /// <summary>A picture's file.</summary>
    public byte[] File(string name) => System.IO.File.ReadAllBytes(Path.Combine(Folder, Json["images"]![name]!["file"]!.GetValue<string>()));

    /// <summary>A picture's file, decoded.</summary>
    public Picture Picture(string name) => PictureDecoder.Decode(File(name));

    /// <summary>A picture's patches, by our own way from its file.</summary>
    public PicturePatches Patches(string name) => _patches.TryGetValue(name, out var patches) ? patches : _patches[name] = Processor.Process(Picture(name));

    /// <summary>The pictures of a case, in order.</summary>
    public PicturePatches[] PicturesOf(string @case) => [.. Json["cases"]![@case]!["images"]!.AsArray().Select(n => Patches(n!.GetValue<string>()))];

    /// <summary>The final hidden states of sequences with pictures, end to end.</summary>
    public Tensor Forward(IReadOnlyList<long[]> sequences, IReadOnlyList<PicturePatches> pictures, Action<int, Tensor>? observe = null) =>
        Forward(sequences, pictures, pictures.Count == 0 ? null : Model.Tower!.Encode(pictures), observe);

    /// <summary>The same, with features that are there already.</summary>
    public Tensor Forward(IReadOnlyList<long[]> sequences, IReadOnlyList<PicturePatches> pictures, VisionFeatures? features, Action<int, Tensor>? observe = null)
    {
        var left = new Queue<PatchGrid>(pictures.Select(p => p.Grid));
        var positions = sequences.Select(ids => Positions(ids, left).ToTensor(ids.Length, Model.Device)).ToArray();
        left.ShouldBeEmpty();
        long[] all = [.. sequences.SelectMany(s => s)];
        (int, VisionFeatures, int)[] rows = [.. all.Index().Where(t => t.Item == Config.ImageToken).Select((t, i) => (t.Index, features!, i))];
        return Model.Forward(
            tensor(all), cat(positions, 1), CausalAttention.Packed([.. sequences.Select(s => s.Length)], Model.Config), observe, PictureRows.Of(rows, Model.Device));
    }

    public Tensor Logits(long[] ids, IReadOnlyList<PicturePatches> pictures) => Model.Logits(Forward([ids], pictures));

    /// <summary>Positions of a row, the next pictures in the places of its runs of image tokens.</summary>
    public TokenPositions Positions(long[] ids, Queue<PatchGrid> left)
    {
        var positions = new TokenPositions();
        foreach (var image in Placed(ids, left, grid => new ImageRef("", "", grid.Width, grid.Height)))
        {
            positions.Add(image.Start, image.Image.Height / Config.Tower.MergeSize, image.Image.Width / Config.Tower.MergeSize);
        }

        return positions;
    }

    /// <summary>Where a row's pictures stand: the next ones, in the places of its runs of image tokens.</summary>
    public PlacedImage[] Placed<T>(long[] ids, Queue<T> left, Func<T, ImageRef> image) =>
        [.. Enumerable.Range(0, ids.Length).Where(i => ids[i] == Config.ImageToken && (i == 0 || ids[i - 1] != Config.ImageToken))
            .Select(start => new PlacedImage(image(left.Dequeue()), start, start + ids.Skip(start).TakeWhile(t => t == Config.ImageToken).Count()))];

    public void Dispose() => Model.Dispose();
}
