using System.Globalization;
using Axpo.Training.Kernels;
using Axpo.Training.Native;
using Axpo.Training.Threads;
using TorchSharp;
using static TorchSharp.torch;

namespace Axpo.Bench;

/// <summary>Matrix products of engine and learner on one thread against libtorch's of the same shape: weights packed once for the engine, packed on the way for the learner.</summary>
internal static class ProductBench
{
    private const int Rounds = 7;
    private const double Work = 4e9;
    private static readonly (string Model, int In, int Out)[] _layers = [("axpo-tiny", 128, 128), ("axpo-tiny", 128, 344), ("axpo-tiny", 344, 128), ("axpo-tiny", 128, 1247), ("27 M parameters", 512, 1376), ("135 M parameters", 576, 1536)];

    public static async Task<IReadOnlyList<Row>> RunAsync()
    {
        var rows = new List<Row>();
        foreach (var (model, inputs, outputs) in _layers)
        {
            foreach (var count in new[] { 1, 8, 64 })
            {
                rows.Add(await CompareAsync($"{count} rows of a layer {inputs} to {outputs} ({model}), packed weights", count, inputs, outputs, (x, _, w) =>
                {
                    var packed = new PackedMatrix(w);
                    return (() => packed.Multiply(x), () => mm(x, w.t()));
                }));
            }

            rows.Add(await CompareAsync($"512 rows of a layer {inputs} to {outputs} ({model}), forward", 512, inputs, outputs, (x, _, w) => (() => HostProduct.Forward(x, w), () => mm(x, w.t()))));
            rows.Add(await CompareAsync($"512 rows of a layer {inputs} to {outputs} ({model}), gradient of the input", 512, inputs, outputs, (_, dy, w) => (() => HostProduct.Back(dy, w), () => mm(dy, w))));
            rows.Add(await CompareAsync($"512 rows of a layer {inputs} to {outputs} ({model}), gradient of the weights", 512, inputs, outputs, (x, dy, _) => (() => HostProduct.Gather(dy, x), () => mm(dy.t(), x))));
        }

        return rows;
    }

    private static Task<Row> CompareAsync(string what, int count, int inputs, int outputs, Func<Tensor, Tensor, Tensor, (Func<Tensor> Ours, Func<Tensor> Theirs)> make) => BareLoop.OnThread(() =>
    {
        IntraOpThreads.UseOne();
        using var inference = inference_mode();
        using var scope = NewDisposeScope();
        var (ours, theirs) = make(randn(count, inputs), randn(count, outputs), randn(outputs, inputs));
        var flop = 2.0 * count * inputs * outputs;
        var (own, other) = (new Rate(), new Rate());
        for (var round = 0; round <= Rounds; round++)
        {
            own.AddAsync(round, Work, () => Repeat(ours)).GetAwaiter().GetResult();
            other.AddAsync(round, Work, () => Repeat(theirs)).GetAwaiter().GetResult();
        }

        return Row.Context($"{what} / libtorch's", Gigaflops(own), Gigaflops(other), own.Against(other));

        Task Repeat(Func<Tensor> product)
        {
            for (var done = 0.0; done < Work; done += flop)
            {
                using var each = NewDisposeScope();
                product();
            }

            return Task.CompletedTask;
        }
    });

    private static string Gigaflops(Rate rate) => string.Create(CultureInfo.InvariantCulture, $"{rate.PerSecond / 1e9:F0} GFLOP/s");
}
