using System.Diagnostics;
using System.Globalization;
using Axpo.Bench;
using Axpo.Training.Devices;
using Axpo.Training.Learning;
using Axpo.Training.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace Axpo.Device;

/// <summary>Attention over sequences of many lengths: one call for near ones against one a length, forward and backward through a whole decoder.</summary>
internal static class VariableLengths
{
    public static Task RunAsync(Settings settings, Table table)
    {
        var device = settings.Target;
        var lengths = Enumerable.Range(0, settings.Small ? 8 : 256).Select(i => 32 + (i * 97 % (settings.Small ? 32 : 480))).ToArray();
        using var model = Decoder.Create(Shapes.Tiny, 1, device);
        foreach (var (_, value) in model.Parameters)
        {
            value.requires_grad_(true);
        }

        var (apart, seconds) = Run(model, lengths, device, (l, c) => CausalAttention.Packed(l, c));
        table.Figure($"forward and backward, axpo-tiny, {lengths.Length} sequences of 32 to {lengths.Max()}, one attention call a length", Text(seconds));
        foreach (var step in new[] { 16, 64, 128 })
        {
            var (together, faster) = Run(model, lengths, device, (l, c) => CausalAttention.Rounded(l, c, step, device));
            table.Figure($"... one call for lengths up to the same multiple of {step}", Text(faster));
            table.AtMost("... gradient of each tensor against one call a length, largest relative difference", apart.Zip(together, (a, b) => Compare.Relative(b, a)).Max(), 1e-4);
        }

        return Task.CompletedTask;
    }

    private static (Tensor[] Gradients, double Seconds) Run(Decoder model, int[] lengths, torch.Device device, Func<IReadOnlyList<int>, DecoderConfig, AttentionKernel> attention)
    {
        var best = double.PositiveInfinity;
        Tensor[] gradients = [];
        for (var round = 0; round < 4; round++)
        {
            using var scope = NewDisposeScope();
            var pack = new PackedBatch([.. lengths.Select((n, i) => Enumerable.Range(0, n).Select(t => ((t * 31) + i) % Shapes.Tiny.VocabSize).ToArray())], device);
            ComputeDevice.Synchronize(device);
            var clock = Stopwatch.StartNew();
            var hidden = model.Forward(pack.Ids, pack.Positions, attention(pack.Lengths, model.Config));
            model.Logits(hidden).log_softmax(-1).select(1, 7).mean().backward();
            ComputeDevice.Synchronize(device);
            best = Math.Min(best, clock.Elapsed.TotalSeconds);
            gradients = [.. model.Parameters.Select(p => p.Value.grad!.to(ScalarType.Float64, CPU).DetachFromDisposeScope())];
            foreach (var (_, value) in model.Parameters)
            {
                value.grad!.Dispose();
                value.grad = null;
            }
        }

        return (gradients, best);
    }

    private static string Text(double seconds) => string.Create(CultureInfo.InvariantCulture, $"{seconds * 1e3:F1} ms");
}
