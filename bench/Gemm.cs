using Axpo.Training.Threads;
using TorchSharp;
using static TorchSharp.torch;

namespace Axpo.Bench;

/// <summary>The machine's own speed: products of two fp32 matrices of 1024 by 1024 on every core.</summary>
internal sealed class Gemm : IDisposable
{
    private const int Size = 1024;
    private const int Products = 24;
    private readonly DeviceThread _thread = new("bench-gemm", 0);
    private readonly Tensor _a = randn(Size, Size).DetachFromDisposeScope();
    private readonly Tensor _b = randn(Size, Size).DetachFromDisposeScope();

    /// <summary>GFLOP/s of each round.</summary>
    public Rate Rate { get; } = new();

    /// <summary>Measures a round of about a quarter of a second.</summary>
    public Task MeasureAsync(int round) => MeasureAsync(round, Rate);

    /// <summary>Measures such a round for another series of rounds.</summary>
    public Task MeasureAsync(int round, Rate rate) => rate.AddAsync(round, Products * 2.0 * Size * Size * Size / 1e9, () => _thread.RunAsync(
        () =>
        {
            using var guard = inference_mode();
            for (var i = 0; i < Products; i++)
            {
                mm(_a, _b).Dispose();
            }

            return 0;
        },
        CancellationToken.None));

    /// <inheritdoc/>
    public void Dispose()
    {
        _thread.Dispose();
        _a.Dispose();
        _b.Dispose();
    }
}
