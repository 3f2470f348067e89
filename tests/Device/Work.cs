using System.Globalization;
using Axpo.Core;
using Axpo.Training.Models;

namespace Axpo.Device;

/// <summary>Models and batches; the shapes are those of bench/.</summary>
internal static class Work
{
    /// <summary>A model folder.</summary>
    /// <returns>Its parameters.</returns>
    public static long Save(DecoderConfig shape, string folder)
    {
        using var decoder = Decoder.Create(shape, 1);
        decoder.Save(folder);
        return decoder.Parameters.Sum(p => p.Value.numel());
    }

    /// <summary>Every token after the first carries loss; groups of 8.</summary>
    public static UpdateBatch Batch(int step, int vocabulary, IReadOnlyList<int> lengths) => new(
        string.Create(CultureInfo.InvariantCulture, $"b{step}"),
        step,
        Math.Max(1, lengths.Count / 8),
        8,
        [.. lengths.Select((length, i) =>
        {
            var stream = ChanceKey.Root((ulong)i).With("tokens").Stream();
            return new TrainSequence
            {
                Id = new EpisodeId("device", Phase.Train, step, i / 8, i % 8),
                Question = i / 8,
                Tokens = [.. Enumerable.Range(0, length).Select(_ => stream.Next(vocabulary))],
                IsLoss = [.. Enumerable.Range(0, length).Select(t => t >= 1)],
                Weight = 1.0 / lengths.Count,
                Advantages = [.. Enumerable.Range(0, length).Select(t => t < 1 ? 0 : i % 2 == 0 ? 1.0 : -1.0)],
                BehaviorLogProbs = [.. Enumerable.Range(0, length).Select(t => t < 1 ? float.NaN : -7f)],
            };
        })]);
}
