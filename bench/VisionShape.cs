using Axpo.Imaging;
using Axpo.Training.Models;
using Axpo.Training.Models.Vision;

namespace Axpo.Bench;

/// <summary>A decoder that sees, and how its pictures are prepared.</summary>
/// <param name="Name">What rows call it.</param>
/// <param name="Decoder">Its shape.</param>
/// <param name="Processor">How pictures are prepared.</param>
internal sealed record VisionShape(string Name, DecoderConfig Decoder, PictureProcessor Processor)
{
    /// <summary>axpo-tiny-vl: pictures of up to 32 x 32 pixels, a token each 4 x 4.</summary>
    public static VisionShape Tiny { get; } = Of("axpo-tiny-vl", Shapes.Tiny, [6, 5, 5], 32 * 32 / 2, 32 * 32, new VisionConfig
    {
        Layers = 2,
        HiddenSize = 96,
        IntermediateSize = 192,
        Heads = 4,
        PatchSize = 4,
        TemporalPatchSize = 2,
        Channels = 3,
        MergeSize = 1,
        OutputSize = Shapes.Tiny.HiddenSize,
        PositionSide = 8,
        DeepstackLayers = [0],
    });

    /// <summary>A small model of the usual proportions: pictures of 448 x 448 pixels, 784 patches, 196 tokens.</summary>
    public static VisionShape Small { get; } = Of("27 M parameters with a tower of 384 x 6 layers", Shapes.Middle, [12, 10, 10], 448 * 448, 448 * 448, new VisionConfig
    {
        Layers = 6,
        HiddenSize = 384,
        IntermediateSize = 1536,
        Heads = 6,
        PatchSize = 16,
        TemporalPatchSize = 2,
        Channels = 3,
        MergeSize = 2,
        OutputSize = Shapes.Middle.HiddenSize,
        PositionSide = 28,
        DeepstackLayers = [1, 3],
    });

    /// <summary>What rows call its tower.</summary>
    public string TowerName => $"vision tower of {Tower.HiddenSize} x {Tower.Layers} layers";

    /// <summary>Token that stands for a part of a picture; text lies below.</summary>
    public int ImageToken => Decoder.Pictures!.ImageToken;

    /// <summary>Ids that text has.</summary>
    public int TextTokens => Decoder.Pictures!.VisionStartToken;

    /// <summary>The tower's shape.</summary>
    public VisionConfig Tower => Decoder.Pictures!.Tower;

    /// <summary>Floating-point operations of a pass over pictures: two a weight and row of the linear layers, and attention's two products.</summary>
    public double Flop(IEnumerable<PatchGrid> grids) => grids.Sum(grid =>
    {
        double patches = grid.Patches, tokens = grid.Tokens(Tower.MergeSize), hidden = Tower.HiddenSize, merged = Tower.MergedSize;
        var block = (patches * ((4 * hidden * hidden) + (2 * hidden * Tower.IntermediateSize))) + (2 * patches * patches * hidden);
        var merger = tokens * ((merged * merged) + (merged * Tower.OutputSize));
        return 2 * ((patches * Tower.PatchWidth * hidden) + (Tower.Layers * block) + ((1 + Tower.DeepstackLayers.Count) * merger));
    });

    private static VisionShape Of(string name, DecoderConfig text, int[] sections, long least, long most, VisionConfig tower) => new(
        name,
        text with
        {
            ModelType = "qwen3_vl",
            VocabSize = text.VocabSize + 4,
            Pictures = new PictureConfig
            {
                Tower = tower,
                RopeSections = sections,
                VisionStartToken = text.VocabSize,
                ImageToken = text.VocabSize + 1,
                VisionEndToken = text.VocabSize + 2,
                VideoToken = text.VocabSize + 3,
            },
        },
        new PictureProcessor
        {
            PatchSize = tower.PatchSize,
            TemporalPatchSize = tower.TemporalPatchSize,
            MergeSize = tower.MergeSize,
            MinPixels = least,
            MaxPixels = most,
            Mean = [.5, .5, .5],
            Deviation = [.5, .5, .5],
        });
}
