using Axpo.Imaging;
using Axpo.Training.Devices;
using static TorchSharp.torch;

namespace Axpo.Training.Models.Vision;

/// <summary>
/// Positions of a sequence along time, height and width (transformers <c>modeling_qwen3_vl.py</c>, <c>get_rope_index</c>). Text counts on in all three; a picture's tokens stand where it began plus their row and column, and what follows goes
/// on behind its longer side. They are those of the whole sequence: a later picture changes <see cref="Delta"/>.
/// </summary>
public sealed class TokenPositions
{
    private TokenPositions(long[] time, long[] height, long[] width, long next) => (Time, Height, Width, Next) = (time, height, width, next);

    /// <summary>[n].</summary>
    public long[] Time { get; }

    /// <summary>[n].</summary>
    public long[] Height { get; }

    /// <summary>[n].</summary>
    public long[] Width { get; }

    /// <summary>Position of the text token that follows.</summary>
    public long Next { get; }

    /// <summary>What is added to the number of tokens to have <see cref="Next"/> (<c>rope_deltas</c>): 0, or below where pictures are.</summary>
    public long Delta => Next - Time.Length;

    /// <summary>Positions of a whole sequence.</summary>
    /// <param name="ids">Its tokens.</param>
    /// <param name="grids">Its pictures, in order.</param>
    /// <param name="config">Shape of the model.</param>
    /// <exception cref="InvalidDataException">The image tokens are not those of the pictures.</exception>
    /// <exception cref="NotSupportedException">A token stands for a video.</exception>
    public static TokenPositions Of(ReadOnlySpan<long> ids, IReadOnlyList<PatchGrid> grids, VisionLanguageConfig config)
    {
        var (time, height, width) = (new long[ids.Length], new long[ids.Length], new long[ids.Length]);
        var (next, picture, at) = (0L, 0, 0);
        while (at < ids.Length)
        {
            if (ids[at] == config.VideoToken)
            {
                throw new NotSupportedException($"sequence: token {at} stands for a video; pictures are taken, videos are not");
            }

            if (ids[at] != config.ImageToken)
            {
                time[at] = height[at] = width[at] = next++;
                at++;
                continue;
            }

            if (picture == grids.Count)
            {
                throw new InvalidDataException($"sequence: token {at} stands for a picture beyond the {grids.Count} that are given");
            }

            var grid = grids[picture++];
            var (rows, columns) = (grid.Height / config.Vision.MergeSize, grid.Width / config.Vision.MergeSize);
            var tokens = grid.Time * rows * columns;
            if (at + tokens > ids.Length || ids.Slice(at, tokens).ContainsAnyExcept((long)config.ImageToken))
            {
                throw new InvalidDataException($"sequence: picture {picture} has {tokens} tokens; fewer stand at token {at}");
            }

            for (var i = 0; i < tokens; i++)
            {
                time[at + i] = next + (i / (rows * columns));
                height[at + i] = next + (i / columns % rows);
                width[at + i] = next + (i % columns);
            }

            (next, at) = (next + Math.Max(rows, columns), at + tokens);
        }

        return picture == grids.Count ? new TokenPositions(time, height, width, next) : throw new InvalidDataException($"sequence: {grids.Count} pictures are given, {picture} stand in it");
    }

    /// <summary>Sequences end to end, each with the positions that it has alone.</summary>
    public static TokenPositions EndToEnd(IReadOnlyList<TokenPositions> sequences) => new(
        [.. sequences.SelectMany(s => s.Time)], [.. sequences.SelectMany(s => s.Height)], [.. sequences.SelectMany(s => s.Width)], sequences.Count == 0 ? 0 : sequences.Max(s => s.Next));

    /// <summary>[3, n] int64: time, height, width.</summary>
    public Tensor ToTensor(Device device) => device.Upload((long[])[.. Time, .. Height, .. Width]).view(3, Time.Length);
}
