using System.Globalization;
using Axpo.Core;
using Axpo.Training.Learning;
using Axpo.Training.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace Axpo.Bench;

/// <summary>
/// The learner at axpo-tiny's shape and at 25 M parameters: useful FLOP a second (6P a trained token, 2P a token of each pass for reference log-probs and, after the first minibatch, old ones) against a matrix product in the
/// same precision on the same threads. And the rows of its linear layers against the batch's tokens.
/// </summary>
internal static class LearnerBench
{
    private const int Rounds = 5;
    private const int Minibatches = 2;

    public static async Task<IReadOnlyList<Row>> RunAsync() =>
    [
        await UpdateAsync("axpo-tiny", new BenchModel(Shapes.Tiny, 1), 128, 64, .45),
        await UpdateAsync("25 M parameters", new BenchModel(Shapes.Middle, 1), 16, 128, .70),
        await BareLoop.OnThread(Padding),
    ];

    private static async Task<Row> UpdateAsync(string name, BenchModel owned, int sequences, int length, double budget)
    {
        using var model = owned;
        using var learner = await Learner.StartAsync(model.Folder, new RunConfiguration { Learner = new LearnerOptions { Minibatches = Minibatches } }, CancellationToken.None);
        using var gemm = new Gemm();
        var tokens = new Rate();
        for (var round = 0; round <= Rounds; round++)
        {
            var batch = LearnerBatches.Of(round + 1, [.. Enumerable.Range(0, sequences).Select(i => Requests.Tokens(length, i, model.Shape.VocabSize))]);
            await gemm.MeasureAsync(round);
            await tokens.AddAsync(round, sequences * length, () => learner.UpdateAsync(batch, CancellationToken.None));
        }

        var perToken = (6 + 2 + (2 * (1 - (1.0 / Minibatches)))) * model.Parameters / 1e9;
        return Row.AtLeast(
            string.Create(CultureInfo.InvariantCulture, $"update of {sequences} sequences of {length} tokens, 2 minibatches, frozen reference, {name} ({model.Parameters / 1e6:F2} M) / matrix product"),
            string.Create(CultureInfo.InvariantCulture, $"{sequences * length / tokens.PerSecond:F2} s, {tokens.PerSecond:N0} tokens/s, {tokens.PerSecond * perToken:F1} GFLOP/s"),
            string.Create(CultureInfo.InvariantCulture, $"{gemm.Rate.PerSecond:F0} GFLOP/s"),
            tokens.Against(gemm.Rate) * perToken,
            budget);
    }

    private static Row Padding()
    {
        using var scope = NewDisposeScope();
        using var guard = no_grad();
        using var decoder = Decoder.Create(Shapes.Tiny, 1);
        int[][] sequences = [.. Enumerable.Range(0, 48).Select(i => Requests.Tokens(5 + (i * i % 200), i, Shapes.Tiny.VocabSize))];
        var tokens = sequences.Sum(s => s.Length);
        var rows = new PackedBatch(sequences, CPU).Forward(decoder).shape[0];
        return Row.AtMost(
            "padded tokens in the learner's linear layers, 48 sequences of 5 to 204 tokens",
            string.Create(CultureInfo.InvariantCulture, $"{rows:N0} rows"),
            string.Create(CultureInfo.InvariantCulture, $"{tokens:N0} tokens"),
            rows - tokens,
            0);
    }
}
