using Axpo.Bench;
using Axpo.Core;
using Axpo.Training.Learning;
using Axpo.Training.Safetensors;
using TorchSharp;
using static TorchSharp.torch;

namespace Axpo.Device;

/// <summary>The learner on the device against the learner on the CPU, float32: the same batch of mixed lengths, cut into micro-batches.</summary>
internal static class UpdateParity
{
    public static async Task RunAsync(Settings settings, Table table)
    {
        var root = Directory.CreateTempSubdirectory("axpo-device-").FullName;
        var model = Path.Combine(root, "model");
        var moved = Path.Combine(root, "moved");
        Work.Save(Shapes.Tiny, model);
        var lengths = Enumerable.Range(0, 32).Select(i => 24 + (i * 37 % 90)).ToArray();
        using var here = await StartAsync(model, "cpu");
        using var there = await StartAsync(model, settings.Device);
        var batch = Work.Batch(1, Shapes.Tiny.VocabSize, lengths);
        var (loss, gradients) = await here.GradientsAsync(batch, null, CancellationToken.None);
        var (gotLoss, got) = await there.GradientsAsync(batch, null, CancellationToken.None);
        table.AtMost("loss of a batch, device against CPU", Math.Abs(loss - gotLoss), 1e-5);
        table.AtMost("gradient of each tensor, largest relative difference", gradients.Max(g => Compare.Relative(got[g.Key], g.Value)), 1e-3);
        var want = await here.UpdateAsync(batch, CancellationToken.None);
        var update = await there.UpdateAsync(batch, CancellationToken.None);
        table.AtMost("update: loss", Math.Abs(want.Loss - update.Loss), 1e-4);
        table.AtMost("update: gradient norm, relative", Math.Abs(want.GradientNorm - update.GradientNorm) / want.GradientNorm, 1e-3);
        table.AtMost("update: entropy", Math.Abs(want.Entropy - update.Entropy), 1e-4);
        table.AtMost("update: mean k3 of engine against learner, relative", Math.Abs(want.MismatchK3 - update.MismatchK3) / Math.Max(want.MismatchK3, 1e-9), 1e-4);
        await here.SaveAsync(Path.Combine(root, "here"), CancellationToken.None);
        await there.SaveAsync(moved, CancellationToken.None);
        var (a, b) = (SafetensorsFile.Read(Path.Combine(root, "here", ModelWeights.FileName)), SafetensorsFile.Read(Path.Combine(moved, ModelWeights.FileName)));
        var start = SafetensorsFile.Read(Path.Combine(model, ModelWeights.FileName));
        table.AtMost("weights after the update, largest relative difference", a.Max(x => Compare.Relative(b[x.Key], x.Value)), 1e-3);
        table.Row("every tensor moved", $"{a.Count(x => Compare.Largest(b[x.Key], start[x.Key]) > 0)} of {a.Count}", "all", a.All(x => Compare.Largest(b[x.Key], start[x.Key]) > 0));
        await there.LoadAsync(moved, CancellationToken.None);
        await here.LoadAsync(moved, CancellationToken.None);
        var again = Work.Batch(2, Shapes.Tiny.VocabSize, lengths);
        var (onward, wanted) = (await there.UpdateAsync(again, CancellationToken.None), await here.UpdateAsync(again, CancellationToken.None));
        table.AtMost("checkpoint of the device read on both, next update: loss", Math.Abs(onward.Loss - wanted.Loss), 1e-4);
        table.AtMost("... gradient norm, relative", Math.Abs(onward.GradientNorm - wanted.GradientNorm) / wanted.GradientNorm, 1e-3);
        await RoughAsync(model, settings.Device, batch, gradients, loss, table);
        Directory.Delete(root, recursive: true);
    }

    /// <summary>bfloat16 over float32 masters: its error, which the precision bounds and nothing else.</summary>
    private static async Task RoughAsync(string model, string device, UpdateBatch batch, Dictionary<string, Tensor> gradients, double loss, Table table)
    {
        using var learner = await StartAsync(model, device, LearnerPrecision.Bfloat16);
        var (rough, got) = await learner.GradientsAsync(batch, null, CancellationToken.None);
        table.AtMost("bfloat16 on the device against float32 on the CPU: loss", Math.Abs(loss - rough), 1e-2);
        table.AtMost("... gradient of each tensor, largest relative difference", gradients.Max(g => Compare.Relative(got[g.Key], g.Value)), .1);
        using var probed = await StartAsync(model, device, LearnerPrecision.Auto);
        table.Figure("learner.precision=auto chooses", probed.Precision.ToString());
    }

    private static Task<Learner> StartAsync(string model, string device, LearnerPrecision precision = LearnerPrecision.Float32) => Learner.StartAsync(
        model,
        new RunConfiguration { Objective = new ObjectiveOptions { KlWeight = .01, EntropyWeight = .01 }, Learner = new LearnerOptions { Device = device, Precision = precision, MicroBatchTokens = 700 } },
        CancellationToken.None);
}
