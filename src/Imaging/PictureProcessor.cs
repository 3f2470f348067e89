namespace Axpo.Imaging;

/// <summary>From a picture to the patches of a vision tower (transformers <c>image_processing_pil_qwen2_vl.py</c>): resized, rescaled, normalised, cut. What <c>preprocessor_config.json</c> says; <see cref="PictureProcessorFile"/> reads it.</summary>
public sealed record PictureProcessor
{
    /// <summary>Most numbers that a picture becomes (1 GiB), whatever the file says.</summary>
    public const long MostNumbers = 1 << 28;

    /// <summary>Side of a patch, pixels.</summary>
    public required int PatchSize { get; init; }

    /// <summary>Frames in a patch; of a still picture the same one.</summary>
    public required int TemporalPatchSize { get; init; }

    /// <summary>Patches a token along a side.</summary>
    public required int MergeSize { get; init; }

    /// <summary>Least area after resizing, pixels.</summary>
    public required long MinPixels { get; init; }

    /// <summary>Largest area after resizing, pixels; thin pictures may exceed it.</summary>
    public required long MaxPixels { get; init; }

    /// <summary>Whether pictures are resized; if not, their sides must be multiples of a token's.</summary>
    public bool Resizes { get; init; } = true;

    /// <summary>What a byte is multiplied by; null: nothing.</summary>
    public double? RescaleFactor { get; init; } = 1.0 / 255;

    /// <summary>Subtracted from each channel [3]; null: nothing is normalised.</summary>
    public IReadOnlyList<double>? Mean { get; init; }

    /// <summary>What each channel is divided by [3]; null: nothing is normalised.</summary>
    public IReadOnlyList<double>? Deviation { get; init; }

    /// <summary>Side of a token, pixels.</summary>
    public int Factor => PatchSize * MergeSize;

    /// <summary>Numbers a patch.</summary>
    public int PatchWidth => 3 * TemporalPatchSize * PatchSize * PatchSize;

    /// <summary>The patches of a picture of these sides, before anything is computed.</summary>
    /// <exception cref="InvalidDataException">One side is more than 200 times the other, nothing is resized and a side is no multiple of a token's, or it becomes more than <see cref="MostNumbers"/>.</exception>
    public PatchGrid Grid(int width, int height)
    {
        var (tall, wide) = Resizes ? SmartResize.Target(height, width, Factor, MinPixels, MaxPixels) : (height, width);
        if (tall % Factor != 0 || wide % Factor != 0)
        {
            throw new InvalidDataException($"picture of {width} x {height} pixels: do_resize is false, and a side is no multiple of {Factor}");
        }

        return 3L * TemporalPatchSize * tall * wide <= MostNumbers
            ? new PatchGrid(1, tall / PatchSize, wide / PatchSize)
            : throw new InvalidDataException($"picture of {width} x {height} pixels: {wide} x {tall} after resizing is more than {MostNumbers} numbers; lower size.longest_edge or shortest_edge of {PictureProcessorFile.FileName}");
    }

    /// <summary>The picture in the size that the tower sees.</summary>
    /// <exception cref="InvalidDataException">As <see cref="Grid"/>.</exception>
    public Picture Resize(Picture picture)
    {
        var grid = Grid(picture.Width, picture.Height);
        return PillowResize.Bicubic(picture, grid.Width * PatchSize, grid.Height * PatchSize);
    }

    /// <summary>The patches.</summary>
    /// <exception cref="InvalidDataException">As <see cref="Grid"/>.</exception>
    public PicturePatches Process(Picture picture) => Cut(Resize(picture));

    /// <summary>The patches of a picture that has its size already.</summary>
    /// <param name="picture">Sides are multiples of <see cref="Factor"/>.</param>
    /// <exception cref="ArgumentException">They are not.</exception>
    public PicturePatches Cut(Picture picture)
    {
        if (picture.Width % Factor != 0 || picture.Height % Factor != 0)
        {
            throw new ArgumentException($"{picture.Width} x {picture.Height} pixels are no multiples of {Factor}", nameof(picture));
        }

        var grid = new PatchGrid(1, picture.Height / PatchSize, picture.Width / PatchSize);
        var values = new float[checked(grid.Patches * PatchWidth)];
        var levels = Levels();
        var at = 0;
        for (var blockRow = 0; blockRow < grid.Height; blockRow += MergeSize)
        {
            for (var blockColumn = 0; blockColumn < grid.Width; blockColumn += MergeSize)
            {
                for (var patch = 0; patch < MergeSize * MergeSize; patch++)
                {
                    Fill(picture, (blockRow + (patch / MergeSize)) * PatchSize, (blockColumn + (patch % MergeSize)) * PatchSize, levels, values.AsSpan(at, PatchWidth));
                    at += PatchWidth;
                }
            }
        }

        return new PicturePatches(grid, values);
    }

    private void Fill(Picture picture, int top, int left, float[][] levels, Span<float> patch)
    {
        var frame = PatchSize * PatchSize;
        for (var channel = 0; channel < 3; channel++)
        {
            var first = patch.Slice(channel * TemporalPatchSize * frame, frame);
            for (var y = 0; y < PatchSize; y++)
            {
                var row = picture.Row(top + y)[(left * 3)..];
                for (var x = 0; x < PatchSize; x++)
                {
                    first[(y * PatchSize) + x] = levels[channel][row[(3 * x) + channel]];
                }
            }

            for (var t = 1; t < TemporalPatchSize; t++)
            {
                first.CopyTo(patch[(((channel * TemporalPatchSize) + t) * frame)..]);
            }
        }
    }

    /// <summary>What each byte of each channel becomes [3][256]: rescaled in float64 and rounded, normalised in float32.</summary>
    private float[][] Levels() =>
    [
        .. Enumerable.Range(0, 3).Select(channel => Enumerable.Range(0, 256).Select(level =>
        {
            var value = RescaleFactor is { } factor ? (float)(level * factor) : level;
            return Mean is not null && Deviation is not null ? (value - (float)Mean[channel]) / (float)Deviation[channel] : value;
        }).ToArray()),
    ];
}
