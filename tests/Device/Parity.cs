using System.Globalization;
using System.Text.Json.Nodes;
using Axpo.Training.Devices;
using Axpo.Training.Models;
using Axpo.Training.Optim;
using Axpo.Training.Safetensors;
using TorchSharp;
using static TorchSharp.torch;

namespace Axpo.Device;

/// <summary>The model fixtures (Hugging Face's numbers) on the device: the same bounds as on the CPU, and for bfloat16 the error itself.</summary>
internal static class Parity
{
    public static Task RunAsync(Settings settings, Table table)
    {
        foreach (var folder in Directory.EnumerateDirectories(Path.Combine(settings.Fixtures, "models")).Order(StringComparer.Ordinal))
        {
            using var scope = NewDisposeScope();
            var cases = SafetensorsFile.Read(Path.Combine(folder, "cases.safetensors"));
            Forward(folder, cases, settings.Target, table);
            Train(folder, cases, settings.Target, table);
        }

        return Task.CompletedTask;
    }

    private static void Forward(string folder, Dictionary<string, Tensor> cases, torch.Device device, Table table)
    {
        using var guard = no_grad();
        using var model = Decoder.Load(folder, device);
        using var half = Decoder.Load(folder, device, ScalarType.BFloat16);
        var (logits, logProbs, rough) = (0.0, 0.0, 0.0);
        for (var row = 0; cases.TryGetValue(Key(row, "input_ids"), out var ids); row++)
        {
            using var scope = NewDisposeScope();
            ids = ids.flatten().to(device);
            var got = Logits(model, ids);
            logits = Math.Max(logits, Compare.Largest(got, cases[Key(row, "logits")]));
            logProbs = Math.Max(logProbs, Compare.Largest(LogProbs(got, ids), cases[Key(row, "logprobs")]));
            rough = Math.Max(rough, Compare.Largest(LogProbs(Logits(half, ids).to(ScalarType.Float32), ids), cases[Key(row, "logprobs")]));
        }

        var name = Path.GetFileName(folder);
        table.AtMost($"{name}: logits, float32, largest difference", logits, 1e-4);
        table.AtMost($"{name}: log-probs, float32, largest difference", logProbs, 1e-4);
        table.Figure($"{name}: log-probs, bfloat16, largest difference", rough.ToString("G3", CultureInfo.InvariantCulture));
    }

    private static void Train(string folder, Dictionary<string, Tensor> cases, torch.Device device, Table table)
    {
        var name = Path.GetFileName(folder);
        if (JsonNode.Parse(File.ReadAllText(Path.Combine(folder, "cases.json")))!["training"] is not { } training)
        {
            return;
        }

        using var scope = NewDisposeScope();
        using var model = Decoder.Load(folder, device);
        using var optimizer = new FusedAdamW(model.Parameters, new AdamWOptions { Beta1 = .9, Beta2 = .95, Epsilon = 1e-8, WeightDecay = .1 });
        var loss = Nll(model, cases, device);
        table.AtMost($"{name}: loss", Math.Abs(loss.ToDouble() - training["nll"]!.GetValue<double>()), 1e-5);
        loss.backward();
        var worst = 0.0;
        foreach (var (parameter, value) in model.Parameters)
        {
            var norm = training["grad_norms"]![parameter]!.GetValue<double>();
            worst = Math.Max(worst, Math.Abs(value.grad!.norm().ToDouble() - norm) / Math.Max(norm, 1e-6));
        }

        table.AtMost($"{name}: norm of each gradient, largest relative difference", worst, 1e-3);
        var total = training["grad_norm_total"]!.GetValue<double>();
        var old = model.Parameters.Select(p => p.Value.detach().clone()).ToArray();
        table.AtMost($"{name}: global gradient norm, relative difference", Math.Abs(optimizer.ClipGlobalNorm(1.0) - total) / total, 1e-3);
        optimizer.Step(1e-2);
        using var guard = no_grad();
        var change = model.Parameters.Select((p, i) =>
        {
            var want = training["adamw_change_norms"]![p.Name]!.GetValue<double>();
            return Math.Abs((p.Value - old[i]).norm().ToDouble() - want) / want;
        }).Max();
        table.AtMost($"{name}: AdamW's change of each tensor, largest relative difference", change, 1e-3);
    }

    private static Tensor Nll(Decoder model, Dictionary<string, Tensor> cases, torch.Device device)
    {
        var mask = cases["right.attention_mask"];
        var (lengths, ids, chosen, at) = (new List<int>(), new List<long>(), new List<long>(), 0L);
        for (var row = 0; row < mask.shape[0]; row++)
        {
            var length = (int)mask[row].sum().ToInt64();
            var tokens = Longs(cases["right.input_ids"][row]);
            var loss = Longs(cases["right.loss_mask"][row]);
            lengths.Add(length);
            ids.AddRange(tokens.Take(length));
            chosen.AddRange(Enumerable.Range(1, length - 1).Where(t => loss[t] != 0).Select(t => at + t));
            at += length;
        }

        var all = device.Upload([.. ids]);
        var positions = device.Upload([.. lengths.SelectMany(n => Enumerable.Range(0, n)).Select(t => (long)t)]);
        var logProbs = model.Logits(model.Forward(all, positions, CausalAttention.Packed(lengths, model.Config))).log_softmax(-1);
        var wanted = device.Upload([.. chosen]);
        var predictors = device.Upload([.. chosen.Select(t => t - 1)]);
        return logProbs.index_select(0, predictors).gather(1, all.index_select(0, wanted).unsqueeze(1)).mean().neg();
    }

    private static long[] Longs(Tensor values) => values.flatten().to(ScalarType.Int64).data<long>().ToArray();

    private static Tensor Logits(Decoder model, Tensor ids)
    {
        var n = (int)ids.shape[0];
        return model.Logits(model.Forward(ids, arange(n, ScalarType.Int64, ids.device), CausalAttention.Packed([n], model.Config)));
    }

    private static Tensor LogProbs(Tensor logits, Tensor ids)
    {
        var n = ids.shape[0] - 1;
        return logits.narrow(0, 0, n).log_softmax(-1).gather(1, ids.narrow(0, 1, n).unsqueeze(1)).squeeze(1);
    }

    private static string Key(int row, string what) => string.Create(CultureInfo.InvariantCulture, $"rows.{row}.{what}");
}
