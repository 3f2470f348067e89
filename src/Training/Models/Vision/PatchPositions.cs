using Axpo.Imaging;
using Axpo.Training.Devices;
using Axpo.Training.Native;
using static TorchSharp.torch;

namespace Axpo.Training.Models.Vision;

/// <summary>
/// Where the patches of pictures are, in the order of <see cref="PicturePatches"/> (transformers <c>vision_utils.py</c>): the rows and columns, what the table of position embeddings gives there, and the rotation.
/// </summary>
internal sealed class PatchPositions
{
    private readonly VisionConfig _config;
    private readonly int[] _rows;
    private readonly int[] _columns;
    private readonly long[] _taps;
    private readonly float[] _weights;

    /// <summary>Lays patches out.</summary>
    public PatchPositions(IReadOnlyList<PatchGrid> grids, VisionConfig config)
    {
        _config = config;
        Count = grids.Sum(g => g.Patches);
        (_rows, _columns, _taps, _weights) = (new int[Count], new int[Count], new long[4 * Count], new float[4 * Count]);
        var at = 0;
        foreach (var grid in grids)
        {
            for (var t = 0; t < grid.Time; t++)
            {
                for (var i = 0; i < grid.Height * grid.Width; i++)
                {
                    var (row, column) = At(i, grid.Width, config.MergeSize);
                    (_rows[at], _columns[at]) = (row, column);
                    Interpolate(at++, Tap(row, grid.Height), Tap(column, grid.Width));
                }
            }
        }
    }

    /// <summary>Patches.</summary>
    public int Count { get; }

    /// <summary>The table, interpolated between its corners (align_corners) at every patch.</summary>
    /// <param name="table">[side * side, hidden].</param>
    /// <returns>[patches, hidden].</returns>
    public Tensor Embed(Tensor table)
    {
        using var scope = NewDisposeScope();
        var taps = Aten.Embedding(table, table.device.Upload(_taps).view(Count, 4));
        return (taps * table.device.Upload(_weights).view(Count, 4, 1).to(table.dtype)).sum(dim: 1).MoveToOuterDisposeScope();
    }

    /// <summary>Cosines and sines: the first quarter of a head turns with the row, the second with the column, then again.</summary>
    /// <param name="device">Where to.</param>
    /// <returns>Both [patches, 1, headDim] float32.</returns>
    public (Tensor Cos, Tensor Sin) Rotation(Device device)
    {
        var (width, quarter) = (_config.HeadDim, _config.HeadDim / 4);
        var frequencies = new float[quarter];
        for (var j = 0; j < quarter; j++)
        {
            frequencies[j] = 1 / MathF.Pow((float)_config.RopeTheta, 2f * j / (2 * quarter));
        }

        var angles = new float[Count * width];
        for (var i = 0; i < Count; i++)
        {
            for (var j = 0; j < width; j++)
            {
                angles[(i * width) + j] = (j / quarter % 2 == 0 ? _rows[i] : _columns[i]) * frequencies[j % quarter];
            }
        }

        var all = device.Upload(angles).view(Count, 1, width);
        return (all.cos(), all.sin());
    }

    /// <summary>Row and column of patch i: block by block, in raster order outside and inside.</summary>
    private static (int Row, int Column) At(int i, int width, int merge)
    {
        var (block, inside) = (i / (merge * merge), i % (merge * merge));
        var blocks = width / merge;
        return ((block / blocks * merge) + (inside / merge), (block % blocks * merge) + (inside % merge));
    }

    /// <summary>The two entries of the table around a patch, and the weight of each.</summary>
    private (int Low, int High, float LowWeight, float HighWeight) Tap(int index, int count)
    {
        var place = (float)index * (_config.PositionSide - 1) / Math.Max(count - 1, 1);
        var floor = MathF.Floor(place);
        var (low, share) = ((int)floor, place - floor);
        return (Math.Min(low, _config.PositionSide - 1), Math.Min(low + 1, _config.PositionSide - 1), 1 - share, share);
    }

    private void Interpolate(int patch, (int Low, int High, float LowWeight, float HighWeight) row, (int Low, int High, float LowWeight, float HighWeight) column)
    {
        var (side, at) = ((long)_config.PositionSide, 4 * patch);
        (_taps[at], _weights[at]) = ((row.Low * side) + column.Low, row.LowWeight * column.LowWeight);
        (_taps[at + 1], _weights[at + 1]) = ((row.Low * side) + column.High, row.LowWeight * column.HighWeight);
        (_taps[at + 2], _weights[at + 2]) = ((row.High * side) + column.Low, row.HighWeight * column.LowWeight);
        (_taps[at + 3], _weights[at + 3]) = ((row.High * side) + column.High, row.HighWeight * column.HighWeight);
    }
}
