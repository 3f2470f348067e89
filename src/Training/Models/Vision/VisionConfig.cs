namespace Axpo.Training.Models.Vision;

/// <summary>Shape of a vision tower (<c>vision_config</c>).</summary>
public sealed record VisionConfig
{
    /// <summary>Blocks.</summary>
    public required int Layers { get; init; }

    /// <summary>Width of the residual stream.</summary>
    public required int HiddenSize { get; init; }

    /// <summary>Width inside the blocks' perceptrons.</summary>
    public required int IntermediateSize { get; init; }

    /// <summary>Heads; they divide <see cref="HiddenSize"/>.</summary>
    public required int Heads { get; init; }

    /// <summary>Side of a patch, pixels.</summary>
    public required int PatchSize { get; init; }

    /// <summary>Frames in a patch.</summary>
    public required int TemporalPatchSize { get; init; }

    /// <summary>Colours.</summary>
    public required int Channels { get; init; }

    /// <summary>Patches a token along a side.</summary>
    public required int MergeSize { get; init; }

    /// <summary>Width of what comes out: the decoder's.</summary>
    public required int OutputSize { get; init; }

    /// <summary>Side of the square table of position embeddings.</summary>
    public required int PositionSide { get; init; }

    /// <summary>Blocks whose output is merged for the decoder's first layers, from 0 (<c>deepstack_visual_indexes</c>).</summary>
    public required IReadOnlyList<int> DeepstackLayers { get; init; }

    /// <summary>Base of the rotary frequencies.</summary>
    public double RopeTheta { get; init; } = 10_000;

    /// <summary>Width of a head; a multiple of 4: halves are turned, one half of each by the row, one by the column.</summary>
    public int HeadDim => HiddenSize / Heads;

    /// <summary>Numbers a patch.</summary>
    public int PatchWidth => Channels * TemporalPatchSize * PatchSize * PatchSize;

    /// <summary>Width of the patches of a token, side by side.</summary>
    public int MergedSize => HiddenSize * MergeSize * MergeSize;

    /// <summary>Number of parameters.</summary>
    public long ParameterCount
    {
        get
        {
            static long Linear(long inputs, long outputs) => (inputs + 1) * outputs;
            long block = (4L * HiddenSize) + Linear(HiddenSize, 3L * HiddenSize) + Linear(HiddenSize, HiddenSize) + Linear(HiddenSize, IntermediateSize) + Linear(IntermediateSize, HiddenSize);
            long Merger(long normed) => (2 * normed) + Linear(MergedSize, MergedSize) + Linear(MergedSize, OutputSize);
            return Linear(PatchWidth, HiddenSize) + ((long)PositionSide * PositionSide * HiddenSize) + (Layers * block) + Merger(HiddenSize) + (DeepstackLayers.Count * Merger(MergedSize));
        }
    }
}
