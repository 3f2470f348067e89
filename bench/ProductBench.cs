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
    private const int LearnerRows = 512;
    private static readonly (string Model, int In, int Out)[] _layers = [("axpo-tiny", 128, 128), ("axpo-tiny", 128, 344), ("axpo-tiny", 344, 128), ("axpo-tiny", 128, 1247), ("27 M parameters", 512, 1376), ("135 M parameters", 576, 1536)];

    public static async Task<IReadOnlyList<Row>> RunAsync()
    {
        var rows = new List<Row>();
        if (!PanelProduct.IsSupported)
        {
            return [Row.Absent("matrix products of our own / libtorch's", "the processor does not compute sixteen floats at once", "")];
        }

        foreach (var (model, inputs, outputs) in _layers)
        {
            var layer = $"a layer {inputs} to {outputs} ({model})";
            foreach (var count in new[] { 1, 8, 64 })
            {
                rows.Add(await CompareAsync($"{count} rows of {layer}, packed weights", count, inputs, outputs, (x, _, w, packed) => (() => packed.Multiply(x), () => mm(x, w.t()))));
            }

            rows.Add(await CompareAsync($"{LearnerRows} rows of {layer}, forward", LearnerRows, inputs, outputs, (x, _, w, _) => (
                () => PanelPass.Forward(x, w, null, empty(LearnerRows, outputs)), () => mm(x, w.t()))));
            rows.Add(await CompareAsync($"{LearnerRows} rows of {layer}, gradient of the input", LearnerRows, inputs, outputs, (_, dy, w, _) => (
                () => PanelPass.Back(dy, w, empty(LearnerRows, inputs), isSum: false), () => mm(dy, w))));
            rows.Add(await CompareAsync($"{LearnerRows} rows of {layer}, gradient of the weights", LearnerRows, inputs, outputs, (x, dy, _, _) => (
                () => PanelPass.Gather(dy, x, empty(outputs, inputs), isSum: false), () => mm(dy.t(), x))));
        }

        return rows;
    }

    private static Task<Row> CompareAsync(string what, int count, int inputs, int outputs, Func<Tensor, Tensor, Tensor, PackedMatrix, (Action Ours, Action Theirs)> make) => BareLoop.OnThread(() =>
    {
        IntraOpThreads.UseOne();
        using var inference = inference_mode();
        using var scope = NewDisposeScope();
        var w = randn(outputs, inputs);
        using var packed = new PackedMatrix(w);
        var (ours, theirs) = make(randn(count, inputs), randn(count, outputs), w, packed);
        var flop = 2.0 * count * inputs * outputs;
        var (own, other) = (new Rate(), new Rate());
        for (var round = 0; round <= Rounds; round++)
        {
            own.AddAsync(round, Work, () => Repeat(ours)).GetAwaiter().GetResult();
            other.AddAsync(round, Work, () => Repeat(theirs)).GetAwaiter().GetResult();
        }

        return Row.Context($"{what} / libtorch's", Gigaflops(own), Gigaflops(other), own.Against(other));

        Task Repeat(Action product)
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
