using System.Globalization;
using Axpo.Core;
using Axpo.Training.Learning;

namespace Axpo.Bench;

/// <summary>
/// The learner's update against the same passes in plain PyTorch on the same machine and threads, in turns. The PyTorch at hand may multiply matrices with another library (Debian's with OpenBLAS), so a second row
/// weighs each side with its own matrix product: what is left is everything but that library.
/// </summary>
internal static class PytorchBench
{
    private const int Rounds = 5;

    public static async Task<IReadOnlyList<Row>> RunAsync() =>
    [
        .. await MeasureAsync("axpo-tiny", new BenchModel(Shapes.Tiny, 1), 128, 64),
        .. await MeasureAsync("25 M parameters", new BenchModel(Shapes.Middle, 1), 16, 128),
    ];

    private static async Task<IReadOnlyList<Row>> MeasureAsync(string name, BenchModel owned, int sequences, int length)
    {
        using var model = owned;
        var what = string.Create(CultureInfo.InvariantCulture, $"PyTorch's update / ours, {sequences} sequences of {length} tokens, 2 minibatches, {name}, time");
        var (peer, why) = await PytorchPeer.StartAsync(model.Shape, sequences, length, 2);
        if (peer is null)
        {
            return [Row.Absent(what, why, "at least 1")];
        }

        using var owner = peer;
        using var learner = await Learner.StartAsync(model.Folder, new RunConfiguration { Learner = new LearnerOptions { Minibatches = 2 } }, CancellationToken.None);
        using var gemm = new Gemm();
        Rate ours = new(), theirs = new();
        for (var round = 0; round <= Rounds; round++)
        {
            var batch = LearnerBatches.Of(round + 1, [.. Enumerable.Range(0, sequences).Select(i => Requests.Tokens(length, i, model.Shape.VocabSize))]);
            await ours.AddAsync(round, 1, () => learner.UpdateAsync(batch, CancellationToken.None));
            await theirs.AddAsync(round, 1, peer.StepAsync);
            await gemm.MeasureAsync(round);
        }

        var mine = string.Create(CultureInfo.InvariantCulture, $"{1 / ours.PerSecond:F2} s (matrix product {gemm.Rate.PerSecond:F0} GFLOP/s)");
        var peers = string.Create(CultureInfo.InvariantCulture, $"{1 / theirs.PerSecond:F2} s, torch {peer.Version} (matrix product {peer.Gigaflops:F0} GFLOP/s)");
        var ratio = ours.Against(theirs);
        return
        [
            Row.AtLeast(what, mine, peers, ratio, 1),
            Row.Context("... each times its own matrix product", mine, peers, ratio * peer.Gigaflops / gemm.Rate.PerSecond),
        ];
    }
}
