using Axpo.Training.Models;

namespace Axpo.Bench;

/// <summary>Shapes of the decoders that are measured.</summary>
internal static class Shapes
{
    /// <summary>axpo-tiny: 0.95 M parameters.</summary>
    public static DecoderConfig Tiny { get; } = new()
    {
        VocabSize = 1247,
        HiddenSize = 128,
        Layers = 4,
        Heads = 4,
        KvHeads = 4,
        HeadDim = 32,
        IntermediateSize = 344,
        MaxPositions = 2048,
    };

    /// <summary>27 M parameters.</summary>
    public static DecoderConfig Middle { get; } = new()
    {
        VocabSize = 4096,
        HiddenSize = 512,
        Layers = 8,
        Heads = 8,
        KvHeads = 8,
        HeadDim = 64,
        IntermediateSize = 1376,
        MaxPositions = 2048,
    };
}
