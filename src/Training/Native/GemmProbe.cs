using Axpo.Training.Devices;
using Axpo.Training.Kernels;
using Axpo.Training.Threads;
using TorchSharp;
using static TorchSharp.torch;

namespace Axpo.Training.Native;

/// <summary>What matrix products reach on this machine, in GFLOP/s.</summary>
/// <param name="Threads">Threads of the figures "all".</param>
/// <param name="Float32One">float32, one thread.</param>
/// <param name="Float32All">float32, all threads.</param>
/// <param name="BFloat16One">bfloat16, one thread.</param>
/// <param name="BFloat16All">bfloat16, all threads.</param>
public sealed record GemmReport(int Threads, double Float32One, double Float32All, double BFloat16One, double BFloat16All)
{
    /// <summary>From this ratio on bfloat16 is worth its casts and its lost digits.</summary>
    public const double PayingRatio = 1.5;

    /// <summary>bfloat16 against float32, each at its best number of threads.</summary>
    public double BFloat16Ratio => Math.Max(BFloat16One, BFloat16All) / Math.Max(Float32One, Float32All);

    /// <summary>Whether training in bfloat16 pays here.</summary>
    public bool BFloat16Pays => BFloat16Ratio >= PayingRatio;
}

/// <summary>Multiplies matrices for a moment: machines differ from 0.02 to 4.5 times in bfloat16 against float32.</summary>
public static class GemmProbe
{
    private static readonly TimeSpan Moment = TimeSpan.FromMilliseconds(150);

    /// <summary>Measures the processor on a thread of its own; takes about a second.</summary>
    /// <param name="time">Clock.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <exception cref="DllNotFoundException">libtorch cannot be loaded.</exception>
    public static Task<GemmReport> RunAsync(TimeProvider time, CancellationToken cancellationToken) => RunOnAsync(ComputeDevice.Cpu, time, cancellationToken);

    /// <summary>Measures a device; on one that is not the processor the number of threads means nothing.</summary>
    /// <param name="device">Where.</param>
    /// <param name="time">Clock.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <exception cref="DllNotFoundException">libtorch cannot be loaded.</exception>
    public static Task<GemmReport> RunOnAsync(Device device, TimeProvider time, CancellationToken cancellationToken) =>
        Task.Factory.StartNew(() => Run(time, device, cancellationToken), cancellationToken, TaskCreationOptions.LongRunning, TaskScheduler.Default);

    private static GemmReport Run(TimeProvider time, Device device, CancellationToken cancellationToken)
    {
        LibtorchLoader.EnsureLoaded();
        var before = get_num_threads();
        try
        {
            var all = Environment.ProcessorCount;
            return new GemmReport(
                all,
                Measure(device, ScalarType.Float32, 1, time, cancellationToken),
                Measure(device, ScalarType.Float32, all, time, cancellationToken),
                Measure(device, ScalarType.BFloat16, 1, time, cancellationToken),
                Measure(device, ScalarType.BFloat16, all, time, cancellationToken));
        }
        finally
        {
            IntraOpThreads.Use(before);
        }
    }

    /// <summary>The fastest of the products that a moment holds; in float32 on the CPU as the learner multiplies.</summary>
    private static double Measure(Device device, ScalarType type, int threads, TimeProvider time, CancellationToken cancellationToken)
    {
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        IntraOpThreads.Use(threads);
        var size = ComputeDevice.ProbeSize(device);
        var a = rand(size, size).to(type, device);
        var b = rand(size, size).to(type, device);
        // Ours run on one thread each, as the learner's workers do.
        var isOurs = type == ScalarType.Float32 && ComputeDevice.IsHost(device) && HostProduct.IsOursHere;
        using var team = isOurs ? new ThreadTeam("axpo-probe", threads, 1) : null;
        Action product = team is null ? () => matmul(a, b).Dispose() : () => team.Run(_ => HostProduct.Forward(a, b).Dispose());
        product();
        ComputeDevice.Synchronize(device);
        var (best, start) = (double.PositiveInfinity, time.GetTimestamp());
        do
        {
            cancellationToken.ThrowIfCancellationRequested();
            var at = time.GetTimestamp();
            product();
            ComputeDevice.Synchronize(device);
            best = Math.Min(best, time.GetElapsedTime(at).TotalSeconds);
        }
        while (time.GetElapsedTime(start) < Moment);

        return (team?.Size ?? 1) * 2.0 * size * size * size / Math.Max(best, 1e-9) / 1e9;
    }
}
