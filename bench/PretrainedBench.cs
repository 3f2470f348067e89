using System.Globalization;
using Axpo.Core;
using Axpo.Training.Generation;
using Axpo.Training.Learning;
using Axpo.Training.Models;
using Axpo.Training.Safetensors;

namespace Axpo.Bench;

/// <summary>
/// A real model (SmolLM2-135M-Instruct, or whatever <c>--model</c> names): what loading takes, decoding against the matrix product and against reading the weights once a step, and training, whole and by adapter, against
/// the matrix product. Useful FLOP: 2P a decoded token, 6P a trained one, with an adapter of A parameters 4P + 6A. Each beside PyTorch where it is there.
/// </summary>
internal static class PretrainedBench
{
    private const string Name = "smollm2-135m-instruct";
    private const int Rounds = 3;
    private const int PromptTokens = 32;
    private const int NewTokens = 32;
    private const int Sequences = 8;
    private const int Length = 128;
    private const int Rank = 16;
    private static readonly int[] _live = [1, 16];

    /// <summary>All rows.</summary>
    /// <param name="model">A model folder; null: the one under AXPO_MODELS.</param>
    public static async Task<IReadOnlyList<Row>> RunAsync(string? model)
    {
        var folder = model ?? (Environment.GetEnvironmentVariable("AXPO_MODELS") is { Length: > 0 } models ? Path.Combine(models, Name) : null);
        if (folder is null || !File.Exists(Path.Combine(folder, ModelWeights.FileName)))
        {
            return [Row.Absent(Name, $"'{folder}' holds no {ModelWeights.FileName}; --model names an expanded folder, or AXPO_MODELS one that holds {Name}/", "")];
        }

        var shape = DecoderConfig.FromFolder(folder);
        var name = string.Create(CultureInfo.InvariantCulture, $"{Path.GetFileName(Path.TrimEndingDirectorySeparator(folder))} ({shape.ParameterCount / 1e6:F1} M)");
        return [.. await LoadAsync(folder, shape, name), .. await DecodeAsync(folder, shape, name), .. await TrainAsync(folder, shape, name)];
    }

    private static async Task<IReadOnlyList<Row>> LoadAsync(string folder, DecoderConfig shape, string name)
    {
        var rows = new List<Row>();
        foreach (var forEngine in new[] { true, false })
        {
            var what = $"loading {name} for the {(forEngine ? "engine" : "learner")}";
            if (!LoadedMemory.IsKnown)
            {
                rows.Add(Row.Absent(what, "this system does not say what memory a process has of its own", "at most 1.2"));
                continue;
            }

            var (loaded, weights) = (await LoadedMemory.OfAsync(folder, forEngine), shape.ParameterCount * (double)sizeof(float));
            rows.Add(Row.AtMost(
                what + ": private memory afterwards / its weights in float32", Mebibytes(loaded.After) + string.Create(CultureInfo.InvariantCulture, $" ({Mebibytes(loaded.Before)} of them before)"), Mebibytes(weights), loaded.After / weights, 1.2));
            rows.Add(Row.Context(what + ": most private memory meanwhile / its weights in float32", Mebibytes(loaded.Most), Mebibytes(weights), loaded.Most / weights));
            rows.Add(Row.Context(what + " / reading its files once", Seconds(loaded.LoadSeconds), Seconds(loaded.ReadSeconds), loaded.LoadSeconds / loaded.ReadSeconds));
        }

        return rows;
    }

    private static async Task<IReadOnlyList<Row>> DecodeAsync(string folder, DecoderConfig shape, string name)
    {
        var rows = new List<Row>();
        var (peer, why) = await PytorchPeer.StartAsync(shape, Sequences, Length, 1, withReference: false);
        using var owner = peer;
        await using var engine = await BenchModel.StartAsync(folder, new EngineOptions { KvMebibytes = 1024, Device = "cpu" });
        using var gemm = new Gemm();
        var memory = new MemoryReads();
        foreach (var live in _live)
        {
            Rate ours = new(), theirs = new(), reads = new(), products = new();
            for (var round = 0; round <= Rounds; round++)
            {
                await gemm.MeasureAsync(round, products);
                await memory.MeasureAsync(round, reads);
                var sessions = Enumerable.Range(0, live).Select(i => FormattableString.Invariant($"d{live}.{round}/{i}")).ToArray();
                await Requests.AllAsync(engine, sessions.Select((s, i) => Requests.New(s, Requests.Tokens(PromptTokens, i, shape.VocabSize), 0, 1, i)));
                await ours.AddAsync(round, live * NewTokens, () => Requests.AllAsync(engine, sessions.Select((s, i) => Requests.New(s, [], PromptTokens + 1, NewTokens, i))));
                engine.Release(FormattableString.Invariant($"d{live}.{round}/"));
                if (peer is not null)
                {
                    theirs.Add(round, live * NewTokens / await peer.DecodeAsync(live, PromptTokens, NewTokens), double.NaN);
                }
            }

            var (bytes, flop) = (shape.ParameterCount * (double)sizeof(float) / live, 2.0 * shape.ParameterCount / 1e9);
            var what = string.Create(CultureInfo.InvariantCulture, $"decoding {live} of {name}");
            rows.Add(Row.Context($"{what}: weights read once a step / memory read", Both(ours, bytes / 1e9, "GB/s"), Gigabytes(reads), ours.Against(reads) * bytes));
            rows.Add(Row.Context($"{what} / matrix product", Both(ours, flop, "GFLOP/s"), Product(products), ours.Against(products) * flop));
            rows.Add(peer is null
                ? Row.Absent($"{what}: ours / PyTorch's", why, "at least 1")
                : Row.AtLeast($"{what}: ours / PyTorch's", ours.Tokens, Torch(theirs, peer), ours.Against(theirs), 1));
        }

        return rows;
    }

    private static async Task<IReadOnlyList<Row>> TrainAsync(string folder, DecoderConfig shape, string name)
    {
        var (peer, why) = await PytorchPeer.StartAsync(shape, Sequences, Length, 1, withReference: false);
        using var owner = peer;
        var flop = 6.0 * shape.ParameterCount / 1e9;
        Rate full = new(), product = new(), theirs = new(), adapted = new(), adaptedProduct = new();
        await UpdatesAsync(folder, shape, new LoraOptions(), full, product, async round =>
        {
            if (peer is not null)
            {
                await theirs.AddAsync(round, Sequences * Length, peer.StepAsync);
            }
        });
        await UpdatesAsync(folder, shape, new LoraOptions { Rank = Rank }, adapted, adaptedProduct, _ => Task.CompletedTask);
        var adapterFlop = ((4.0 * shape.ParameterCount) + (6.0 * AdapterParameters(shape))) / 1e9;
        var what = string.Create(CultureInfo.InvariantCulture, $"training {name}, {Sequences} sequences of {Length} tokens");
        return
        [
            Row.Context($"{what} / matrix product", Both(full, flop, "GFLOP/s"), Product(product), full.Against(product) * flop),
            Row.Context(string.Create(CultureInfo.InvariantCulture, $"{what}, LoRA of rank {Rank} / matrix product"), Both(adapted, adapterFlop, "GFLOP/s"), Product(adaptedProduct), adapted.Against(adaptedProduct) * adapterFlop),
            peer is null ? Row.Absent($"{what}: ours / PyTorch's", why, "at least 1") : Row.AtLeast($"{what}: ours / PyTorch's", full.Tokens, Torch(theirs, peer), full.Against(theirs), 1),
            .. peer is null ? Array.Empty<Row>() : [Row.Context("... each times its own matrix product", full.Tokens, Torch(theirs, peer), full.Against(theirs) * peer.Gigaflops / product.PerSecond)],
        ];
    }

    private static async Task UpdatesAsync(string folder, DecoderConfig shape, LoraOptions lora, Rate ours, Rate products, Func<int, Task> other)
    {
        var configuration = new RunConfiguration { Objective = new ObjectiveOptions { KlWeight = 0 }, Learner = new LearnerOptions { Minibatches = 1, Lora = lora, Device = "cpu" } };
        using var learner = await Learner.StartAsync(folder, configuration, CancellationToken.None);
        using var gemm = new Gemm();
        for (var round = 0; round <= Rounds; round++)
        {
            var batch = LearnerBatches.Of(round + 1, [.. Enumerable.Range(0, Sequences).Select(i => Requests.Tokens(Length, i, shape.VocabSize))]);
            await gemm.MeasureAsync(round, products);
            await ours.AddAsync(round, Sequences * Length, () => learner.UpdateAsync(batch, CancellationToken.None));
            await other(round);
        }
    }

    private static long AdapterParameters(DecoderConfig shape)
    {
        long hidden = shape.HiddenSize, query = (long)shape.Heads * shape.HeadDim, key = (long)shape.KvHeads * shape.HeadDim, wide = shape.IntermediateSize;
        return Rank * shape.Layers * ((2 * (hidden + query)) + (2 * (hidden + key)) + (3 * (hidden + wide)));
    }

    private static string Both(Rate rate, double each, string unit) => string.Create(CultureInfo.InvariantCulture, $"{rate.Tokens}, {rate.PerSecond * each:F1} {unit}");

    private static string Product(Rate rate) => string.Create(CultureInfo.InvariantCulture, $"{rate.PerSecond:F0} GFLOP/s");

    private static string Gigabytes(Rate rate) => string.Create(CultureInfo.InvariantCulture, $"{rate.PerSecond / 1e9:F1} GB/s");

    private static string Torch(Rate rate, PytorchPeer peer) => string.Create(CultureInfo.InvariantCulture, $"{rate.Tokens}, torch {peer.Version} (matrix product {peer.Gigaflops:F0} GFLOP/s)");

    private static string Mebibytes(double bytes) => string.Create(CultureInfo.InvariantCulture, $"{bytes / (1 << 20):F0} MiB");

    private static string Seconds(double value) => string.Create(CultureInfo.InvariantCulture, $"{value:F2} s");
}
