using System.Globalization;
using System.Runtime.InteropServices;
using Axpo.Training.Devices;
using Axpo.Training.Native;
using Axpo.Training.Optim;
using Axpo.Training.Safetensors;
using TorchSharp;
using static TorchSharp.torch;

namespace Axpo.Device;

/// <summary>Whether libtorch, the binding and the operators called by name work on the device at all.</summary>
internal static class Smoke
{
    public static Task RunAsync(Settings settings, Table table)
    {
        var report = LibtorchLoader.Describe();
        table.Figure("libtorch", $"{report.Folder}{(report.Cuda ? ", CUDA" : "")}{(report.Patched ? ", binding patched" : "")}; {RuntimeInformation.FrameworkDescription}, {Environment.ProcessorCount} cores");
        table.Figure("devices", string.Join(", ", Accelerator.All().Select(a => string.Create(CultureInfo.InvariantCulture, $"{a.Setting} {a.Name} {a.MemoryBytes / (double)(1L << 30):F0} GiB"))));
        var device = settings.Target;
        table.Figure("device", device.ToString());
        Products(device, table);
        Gradients(device, table);
        Optimizer(device, table);
        Files(device, table);
        Copies(device, table);
        return Task.CompletedTask;
    }

    private static void Products(torch.Device device, Table table)
    {
        using var scope = NewDisposeScope();
        var (a, b) = (randn(512, 512), randn(512, 512));
        var want = a.to(ScalarType.Float64).matmul(b.to(ScalarType.Float64));
        table.AtMost("matrix product, float32, TF32 off", Compare.Relative(a.to(device).matmul(b.to(device)), want), 1e-5);
        table.AtMost("matrix product, bfloat16", Compare.Relative(a.to(ScalarType.BFloat16, device).matmul(b.to(ScalarType.BFloat16, device)), want), 1e-2);
    }

    /// <summary>The operators of a decoder's layer, forward and backward, on the device against the CPU.</summary>
    private static void Gradients(torch.Device device, Table table)
    {
        using var scope = NewDisposeScope();
        (string Name, Tensor Value)[] inputs =
        [
            ("table", randn(50, 64)), ("norm", randn(64)), ("q", randn(64, 64)), ("k", randn(32, 64)), ("v", randn(32, 64)), ("down", randn(64, 64)),
        ];
        var (wantLoss, want) = Layer(inputs, CPU);
        var (gotLoss, got) = Layer(inputs, device);
        table.AtMost("embedding, RMSNorm, grouped attention, SiLU, log-softmax: loss", Compare.Relative(gotLoss, wantLoss), 1e-5);
        foreach (var (name, a, b) in inputs.Select((x, i) => (x.Name, got[i], want[i])))
        {
            table.AtMost($"... gradient of {name}", Compare.Relative(a, b), 1e-4);
        }
    }

    private static (Tensor Loss, Tensor[] Gradients) Layer((string Name, Tensor Value)[] inputs, torch.Device device)
    {
        Tensor[] x = [.. inputs.Select(i => i.Value.to(device, copy: true).requires_grad_(true))];
        var ids = device.Upload(Enumerable.Range(0, 24).Select(i => (long)(i * 7 % 50)).ToArray());
        var hidden = Aten.RmsNorm(Aten.Embedding(x[0], ids), x[1], 1e-6);
        var q = nn.functional.linear(hidden, x[2]).view(1, 24, 4, 16).transpose(1, 2);
        var k = nn.functional.linear(hidden, x[3]).view(1, 24, 2, 16).transpose(1, 2);
        var v = nn.functional.linear(hidden, x[4]).view(1, 24, 2, 16).transpose(1, 2);
        var attended = Aten.ScaledDotProductAttention(q, k, v, isCausal: true).transpose(1, 2).reshape(24, 64);
        var logits = nn.functional.linear(nn.functional.silu(nn.functional.linear(attended, x[5])), x[0]);
        var loss = logits.log_softmax(-1).gather(1, ids.unsqueeze(1)).mean().neg();
        loss.backward();
        return (loss, [.. x.Select(p => p.grad!)]);
    }

    private static void Optimizer(torch.Device device, Table table)
    {
        using var scope = NewDisposeScope();
        var (start, gradient) = (randn(1000), randn(1000));
        table.AtMost("clip by global norm and three fused AdamW steps", Compare.Relative(Steps(start, gradient, device), Steps(start, gradient, CPU)), 1e-5);
    }

    private static Tensor Steps(Tensor start, Tensor gradient, torch.Device device)
    {
        var value = start.to(device, copy: true);
        using var optimizer = new FusedAdamW([("w", value)], new AdamWOptions { WeightDecay = .1 });
        for (var i = 0; i < 3; i++)
        {
            optimizer.ZeroGradients();
            (value * gradient.to(device)).sum().backward();
            optimizer.ClipGlobalNorm(1);
            optimizer.Step(1e-2);
        }

        return value;
    }

    private static void Files(torch.Device device, Table table)
    {
        using var scope = NewDisposeScope();
        var path = Path.Combine(Directory.CreateTempSubdirectory("axpo-device-").FullName, "x.safetensors");
        var value = randn(33, 7).to(device);
        SafetensorsFile.Write(path, [("x", value), ("y", value.to(ScalarType.BFloat16))]);
        var read = SafetensorsFile.Read(path);
        table.AtMost("safetensors written and read", Math.Max(Compare.Largest(read["x"], value), Compare.Largest(read["y"], value.to(ScalarType.BFloat16))), 0);
        Directory.Delete(Path.GetDirectoryName(path)!, recursive: true);
    }

    private static void Copies(torch.Device device, Table table)
    {
        using var scope = NewDisposeScope();
        var worst = 0.0;
        for (var round = 0; round < 100; round++)
        {
            float[] values = [.. Enumerable.Range(0, 1000 + round).Select(i => (float)(i * (round + 1)))];
            var back = device.Upload(values).Floats();
            worst = Math.Max(worst, values.Zip(back, (a, b) => Math.Abs(a - b)).Max());
        }

        table.AtMost("100 copies there and back through pinned memory", worst, 0);
    }
}
