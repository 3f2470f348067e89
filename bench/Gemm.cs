using System.Diagnostics;
using Axpo.Training.Kernels;
using Axpo.Training.Threads;
using TorchSharp;
using static TorchSharp.torch;

namespace Axpo.Bench;

/// <summary>The machine's own speed: products of two fp32 matrices of 1024 by 1024 on every core, libtorch's and, where the learner's are ours, those.</summary>
internal sealed class Gemm : IDisposable
{
    private const int Size = 1024;
    private const int Products = 24;
    private const double Gigaflop = 2.0 * Size * Size * Size / 1e9;
    private readonly DeviceThread _thread = new("bench-gemm", 0);
    private readonly ThreadTeam _team = new("bench-gemm-own", Environment.ProcessorCount, 1);
    private readonly Tensor _a = randn(Size, Size).DetachFromDisposeScope();
    private readonly Tensor _b = randn(Size, Size).DetachFromDisposeScope();

    /// <summary>GFLOP/s of each round, of the faster product.</summary>
    public Rate Rate { get; } = new();

    /// <summary>GFLOP/s of each round, of libtorch's: what software on top of it is measured in.</summary>
    public Rate Libtorch { get; } = new();

    /// <summary>Measures a round of about a quarter of a second, or two.</summary>
    public Task MeasureAsync(int round) => MeasureAsync(round, Rate);

    /// <summary>Measures such a round for another series of rounds.</summary>
    public async Task MeasureAsync(int round, Rate rate)
    {
        var theirs = await TimedAsync(Products, () => _thread.RunAsync(
            () =>
            {
                Multiply(Products, () => mm(_a, _b));
                return 0;
            },
            CancellationToken.None));
        Libtorch.Add(round, theirs.PerSecond, theirs.PerCpuSecond);
        var each = Math.Max(1, Products / _team.Size);
        var ours = HostProduct.IsOursHere ? await TimedAsync(each * _team.Size, () => Task.Run(() => _team.Run(_ => Multiply(each, () => HostProduct.Forward(_a, _b))))) : theirs;
        var best = ours.PerSecond > theirs.PerSecond ? ours : theirs;
        rate.Add(round, best.PerSecond, best.PerCpuSecond);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _thread.Dispose();
        _team.Dispose();
        _a.Dispose();
        _b.Dispose();
    }

    private static void Multiply(int products, Func<Tensor> product)
    {
        using var guard = inference_mode();
        for (var i = 0; i < products; i++)
        {
            product().Dispose();
        }
    }

    private static async Task<(double PerSecond, double PerCpuSecond)> TimedAsync(int products, Func<Task> run)
    {
        var (clock, cpu) = (Stopwatch.StartNew(), Environment.CpuUsage.TotalTime);
        await run();
        return (products * Gigaflop / clock.Elapsed.TotalSeconds, products * Gigaflop / (Environment.CpuUsage.TotalTime - cpu).TotalSeconds);
    }
}
