using System.Diagnostics;
using System.Globalization;
using Axpo.Core;
using Axpo.Training.Learning;
using Axpo.Training.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace Axpo.Device;

/// <summary>
/// An update by bench/'s measure: useful FLOP (6P a trained token, 2P a token of each of two passes for old and reference log-probs) a second against a matrix product in the same precision on
/// the same device. The shapes of bench/, and some that fill a large device.
/// </summary>
internal static class LearnerBench
{
    public static async Task RunAsync(Settings settings, Table table)
    {
        var root = Directory.CreateTempSubdirectory("axpo-device-").FullName;
        try
        {
            await ModelAsync(settings, table, Path.Combine(root, "tiny"), "axpo-tiny", Work.Tiny, settings.Small ? [(8, 16, 1)] : [(128, 64, 5), (1024, 256, 5)]);
            if (!settings.Small)
            {
                await ModelAsync(settings, table, Path.Combine(root, "middle"), "27 M", Work.Middle, [(16, 128, 5), (256, 512, 3)]);
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
        var peak = GemmBench.Peak(settings.Target, ScalarType.Float32, settings.Small ? 512 : 8192);
        for (var i = 0; i < loads.Length; i++)
        {
            var (sequences, length, rounds) = loads[i];
            await UpdateAsync(table, folder, name, settings.Device, shape, sequences, length, rounds, parameters, peak);
            if (i == 0 && settings.Target.type != DeviceType.CPU)
            {
                await UpdateAsync(table, folder, name, "cpu", shape, sequences, length, 2, parameters, GemmBench.Peak(CPU, ScalarType.Float32, 1024));
            }
        }
    }

    private static async Task UpdateAsync(Table table, string folder, string name, string device, DecoderConfig shape, int sequences, int length, int rounds, long parameters, double peak)
    {
        var options = new LearnerOptions { Minibatches = 2, Device = device, MicroBatchTokens = device == "cpu" ? 8192 : 65_536 };
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
        var flops = (6 + 2 + 2) * parameters * tokens / median;
        table.Figure(
            string.Create(CultureInfo.InvariantCulture, $"learner, {name} ({parameters / 1e6:F2} M), float32, {sequences} sequences of {length}, {device}"),
            string.Create(CultureInfo.InvariantCulture, $"{median * 1e3:F1} ms an update, {tokens / median:N0} tokens/s, {flops / 1e12:F3} useful TFLOP/s, {flops / peak:F3} of the matrix product"));
    }
}
