using System.Diagnostics;
using System.Globalization;
using Axpo.Bench;
using Axpo.Core;
using Axpo.Training.Learning;
using Axpo.Training.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace Axpo.Device;

/// <summary>
/// An update of two minibatches: useful FLOP (6P a trained token, 2P a token for its reference log-prob, 2P for the old log-probs of the second half) a second against a matrix product in the same precision on
/// the same device. The shapes of bench/, and some that fill a large device.
/// </summary>
internal static class LearnerBench
{
    public static async Task RunAsync(Settings settings, Table table)
    {
        var root = Directory.CreateTempSubdirectory("axpo-device-").FullName;
        try
        {
            await ModelAsync(settings, table, Path.Combine(root, "tiny"), "axpo-tiny", Shapes.Tiny, settings.Small ? [(8, 16, 1)] : [(128, 64, 5), (1024, 256, 5)]);
            if (!settings.Small)
            {
                await ModelAsync(settings, table, Path.Combine(root, "middle"), "27 M", Shapes.Middle, [(16, 128, 5), (256, 512, 3)]);
            }
        }
        finally
        {
            Directory.Delete(root, recursive: true);
        }
    }

    private static async Task ModelAsync(Settings settings, Table table, string folder, string name, DecoderConfig shape, (int Sequences, int Length, int Rounds)[] loads)
    {
        var parameters = Work.Save(shape, folder);
        var size = settings.Small ? 512 : 8192;
        foreach (var (precision, type) in new[] { (LearnerPrecision.Float32, ScalarType.Float32), (LearnerPrecision.Bfloat16, ScalarType.BFloat16) })
        {
            var peak = GemmBench.Peak(settings.Target, type, size);
            foreach (var (sequences, length, rounds) in loads)
            {
                await UpdateAsync(table, folder, name, settings.Device, shape, precision, sequences, length, rounds, parameters, peak);
            }
        }

        if (settings.Target.type != DeviceType.CPU)
        {
            await UpdateAsync(table, folder, name, "cpu", shape, LearnerPrecision.Float32, loads[0].Sequences, loads[0].Length, 2, parameters, GemmBench.Peak(CPU, ScalarType.Float32, 1024));
        }
    }

    private static async Task UpdateAsync(Table table, string folder, string name, string device, DecoderConfig shape, LearnerPrecision precision, int sequences, int length, int rounds, long parameters, double peak)
    {
        var options = new LearnerOptions { Minibatches = 2, Precision = precision, Device = device, MicroBatchTokens = device == "cpu" ? 8192 : 65_536 };
        using var learner = await Learner.StartAsync(folder, new RunConfiguration { Learner = options }, CancellationToken.None);
        var seconds = new List<double>();
        for (var round = 0; round <= rounds; round++)
        {
            var batch = Work.Batch(round + 1, shape.VocabSize, [.. Enumerable.Repeat(length, sequences)]);
            var clock = Stopwatch.StartNew();
            await learner.UpdateAsync(batch, CancellationToken.None);
            if (round > 0)
            {
                seconds.Add(clock.Elapsed.TotalSeconds);
            }
        }

        var (median, tokens) = (seconds.Order().ElementAt(seconds.Count / 2), (double)sequences * length);
        var flops = (6 + 2 + 1) * parameters * tokens / median;
        table.Figure(
            string.Create(CultureInfo.InvariantCulture, $"learner, {name} ({parameters / 1e6:F2} M), {precision}, {sequences} sequences of {length}, {device}"),
            string.Create(CultureInfo.InvariantCulture, $"{median * 1e3:F1} ms an update, {tokens / median:N0} tokens/s, {flops / 1e12:F3} useful TFLOP/s, {flops / peak:F3} of the matrix product"));
    }
}
