using System.Diagnostics;
using System.Globalization;
using Axpo.Training.Devices;
using TorchSharp;
using static TorchSharp.torch;

namespace Axpo.Device;

/// <summary>What the device and the CPU beside it reach in matrix products: the ceiling of every other figure.</summary>
internal static class GemmBench
{
    public static Task RunAsync(Settings settings, Table table)
    {
        var device = settings.Target;
        foreach (var type in new[] { ScalarType.Float32, ScalarType.BFloat16 })
        {
            foreach (var size in settings.Small ? [512] : new[] { 1024, 8192 })
            {
                table.Figure($"matrix product {size}^3, {type}, {device}", Text(Peak(device, type, size)));
            }
        }

        table.Figure($"matrix product 1024^3, Float32, cpu, {Environment.ProcessorCount} threads", Text(Peak(CPU, ScalarType.Float32, 1024)));
        return Task.CompletedTask;
    }

    /// <summary>FLOP a second of the median of several products, on random numbers.</summary>
    public static double Peak(torch.Device device, ScalarType type, int size)
    {
        const int Rounds = 10;
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        set_num_threads(Environment.ProcessorCount);
        var (a, b) = (randn(size, size).to(type, device), randn(size, size).to(type, device));
        var inner = Math.Max(1, (int)(2e12 / (2.0 * size * size * size) / (device.type == DeviceType.CPU ? 200 : 1)));
        var seconds = new List<double>();
        for (var round = 0; round < Rounds; round++)
        {
            ComputeDevice.Synchronize(device);
            var clock = Stopwatch.StartNew();
            for (var i = 0; i < inner; i++)
            {
                mm(a, b).Dispose();
            }

            ComputeDevice.Synchronize(device);
            if (round > 1)
            {
                seconds.Add(clock.Elapsed.TotalSeconds / inner);
            }
        }

        return 2.0 * size * size * size / seconds.Order().ElementAt(seconds.Count / 2);
    }

    private static string Text(double flops) => string.Create(CultureInfo.InvariantCulture, $"{flops / 1e12:F2} TFLOP/s");
}
