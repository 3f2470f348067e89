using System.Globalization;
using Axpo.Imaging;
using Axpo.Training.Models;
using Axpo.Training.Models.Vision;
using Axpo.Training.Threads;
using TorchSharp;
using static TorchSharp.torch;

namespace Axpo.Bench;

/// <summary>Vision towers over pictures that are cut already, on every core, against the matrix product. The way back counts as two passes.</summary>
internal static class VisionTowerBench
{
    private const int Rounds = 3;

    public static async Task<IReadOnlyList<Row>> RunAsync() =>
    [
        await MeasureAsync(VisionShape.Tiny, new PatchGrid(1, 8, 8), 32, 8, trains: false),
        await MeasureAsync(VisionShape.Tiny, new PatchGrid(1, 8, 8), 32, 4, trains: true),
        await MeasureAsync(VisionShape.Tiny, new PatchGrid(1, 8, 8), 1, 64, trains: false),
        await MeasureAsync(VisionShape.Small, new PatchGrid(1, 28, 28), 1, 2, trains: false),
        await MeasureAsync(VisionShape.Small, new PatchGrid(1, 28, 28), 4, 1, trains: false),
    ];

    private static async Task<Row> MeasureAsync(VisionShape shape, PatchGrid grid, int count, int passes, bool trains)
    {
        using var thread = new DeviceThread("bench-tower", 0);
        using var gemm = new Gemm();
        using var decoder = Decoder.Create(shape.Decoder, 1);
        PicturePatches[] pictures = [.. Enumerable.Range(0, count).Select(i => Random(shape, grid, i))];
        var (tokens, rate) = (passes * count * grid.Tokens(shape.Tower.MergeSize), new Rate());
        var flop = passes * (trains ? 3 : 1) * shape.Flop(pictures.Select(p => p.Grid)) / 1e9;
        foreach (var (_, value) in decoder.Parameters)
        {
            value.requires_grad_(trains);
        }

        for (var round = 0; round <= Rounds; round++)
        {
            await gemm.MeasureAsync(round);
            await rate.AddAsync(round, tokens, () => thread.RunAsync(() => Passes(decoder, pictures, passes, trains), CancellationToken.None));
        }

        var perToken = flop / tokens;
        return Row.Context(
            string.Create(CultureInfo.InvariantCulture, $"{shape.TowerName}, {(trains ? "there and back" : "forward")}, {count} picture{(count == 1 ? "" : "s")} of {grid.Width * shape.Tower.PatchSize} x {grid.Height * shape.Tower.PatchSize} pixels at once / matrix product"),
            string.Create(CultureInfo.InvariantCulture, $"{rate.PerSecond:N0} tokens/s, {rate.PerSecond * perToken:F1} GFLOP/s"),
            string.Create(CultureInfo.InvariantCulture, $"{gemm.Rate.PerSecond:F0} GFLOP/s"),
            rate.Against(gemm.Rate) * perToken);
    }

    private static int Passes(Decoder decoder, PicturePatches[] pictures, int passes, bool trains)
    {
        for (var i = 0; i < passes; i++)
        {
            using var scope = NewDisposeScope();
            using var guard = trains ? null : inference_mode();
            var seen = decoder.Tower!.Encode(pictures);
            if (trains)
            {
                Sum(seen).backward();
            }
        }

        return passes;
    }

    /// <summary>All that the tower gave, as one number.</summary>
    public static Tensor Sum(VisionFeatures seen) => seen.Deepstack.Aggregate(seen.Tokens.sum(), (sum, features) => sum + features.sum());

    private static PicturePatches Random(VisionShape shape, PatchGrid grid, int seed)
    {
        var chance = new Random(seed);
        return new PicturePatches(grid, [.. Enumerable.Range(0, grid.Patches * shape.Tower.PatchWidth).Select(_ => (2 * chance.NextSingle()) - 1)]);
    }
}
