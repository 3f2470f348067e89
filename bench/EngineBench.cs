using System.Diagnostics;
using System.Globalization;
using Axpo.Core;
using Axpo.Training.Generation;
using Axpo.Training.Models;
using Microsoft.Extensions.Logging.Abstractions;
using TorchSharp;
using static TorchSharp.torch;

namespace Axpo.Bench;

/// <summary>The engine's rows of the budgets, at axpo-tiny's shape with random weights. Read the ratios: both sides of each run in this process, interleaved.</summary>
internal static class EngineBench
{
    private const int Live = 64;
    private const int PromptTokens = 64;
    private const int NewTokens = 160;
    private const int Rounds = 5;
    private const int Prefix = 512;
    private const int Forks = 4;
    private const int ForkTokens = 64;

    /// <summary>Prints the table.</summary>
    public static async Task RunAsync()
    {
        var root = Directory.CreateTempSubdirectory("axpo-bench-").FullName;
        try
        {
            var folder = Path.Combine(root, "model");
            using (var decoder = Decoder.Create(Shapes.Tiny, 1))
            {
                using (no_grad())
                {
                    // Spread logits: distributions as peaked as a trained policy's.
                    decoder.Parameters[0].Value.mul_(10);
                }

                decoder.Save(folder);
            }

            await using var engine = await PolicyEngine.StartAsync(folder, new EngineOptions { KvMebibytes = 1024 }, TimeProvider.System, NullLogger<PolicyEngine>.Instance);
            await using var deterministic = await PolicyEngine.StartAsync(folder, new EngineOptions { KvMebibytes = 1024, Deterministic = true }, TimeProvider.System, NullLogger<PolicyEngine>.Instance);
            await ThroughputAsync(folder, engine, deterministic);
            await ForksAsync(engine);
            await MemoryAsync(engine);
        }
        finally
        {
            Directory.Delete(root, recursive: true);
        }
    }

    private static async Task ThroughputAsync(string folder, PolicyEngine engine, PolicyEngine deterministic)
    {
        using var decoder = Decoder.Load(folder);
        var threads = Math.Min(Environment.ProcessorCount, 4);
        Rate ours = new(), grouped = new(), fixedRows = new(), bare = new(), bareOneThread = new(), one = new(), oneTorch = new();
        for (var round = 0; round <= Rounds; round++)
        {
            // The first round warms up.
            await ours.AddAsync(round, Live, () => EngineRunAsync(engine, round));
            await grouped.AddAsync(round, Live, () => EngineRunAsync(engine, round, groupSize: 8));
            await bare.AddAsync(round, Live, () => BareRunAsync(decoder, Live, threads));
            await one.AddAsync(round, 1, () => BareRunAsync(decoder, 1, 1));
            await oneTorch.AddAsync(round, 1, () => OnThread(() => TorchLoop(decoder)));
            await bareOneThread.AddAsync(round, Live, () => BareRunAsync(decoder, Live, 1));
            await fixedRows.AddAsync(round, Live, () => EngineRunAsync(deterministic, round));
        }

        var single = one.PerSecond > oneTorch.PerSecond ? one : oneTorch;
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"""
            axpo-tiny (0.95 M parameters), {threads} workers, prompt {PromptTokens}, {NewTokens} sampled tokens a sequence, T = 1; median of {Rounds}
            (on a machine that others use too, read the second column: tokens per second of processor time, all threads together)
                                                          tokens/s    tokens/CPU s
              engine, {Live} live                          {ours}
              engine, {Live} live, groups of 8             {grouped}
              engine, {Live} live, deterministic mode      {fixedRows}
              bare loop, {Live} sequences, {threads} threads         {bare}
              bare loop, {Live} sequences, 1 thread        {bareOneThread}
              bare loop, 1 sequence, same kernels      {one}
              bare loop, 1 sequence, libtorch attention{oneTorch}
            | engine at {Live} / bare loop at {Live}         | {ours.PerSecond / bare.PerSecond:F2} (CPU {ours.PerCpuSecond / bare.PerCpuSecond:F2}) | at least 0.85 |
            | engine at {Live} / the faster bare single | {ours.PerSecond / single.PerSecond:F1} (CPU {ours.PerCpuSecond / single.PerCpuSecond:F1} on one core) | at least 5 |
            """));
    }

    private static async Task EngineRunAsync(PolicyEngine engine, int round, int groupSize = 1)
    {
        var requests = Enumerable.Range(0, Live).Select(i => Request($"t{round}/{i}", Prompt(PromptTokens, i / groupSize), 0, NewTokens, i) with { Group = groupSize > 1 ? $"t{round}/{i / groupSize}" : null }).ToArray();
        var results = await Task.WhenAll(requests.Select(r => engine.GenerateAsync(r, CancellationToken.None)));
        engine.Release(FormattableString.Invariant($"t{round}"));
        if (results.FirstOrDefault(r => r.Tokens.Length != NewTokens) is { } failed)
        {
            throw new InvalidOperationException(failed.Error);
        }
    }

    /// <summary>The engine's kernels with nothing around them: no queue, no sessions that come and go, no result; threads do not wait for each other.</summary>
    private static async Task BareRunAsync(Decoder decoder, int sequences, int threads)
    {
        var layout = new KvLayout(decoder.Config);
        var loops = Enumerable.Range(0, threads).Select(t => BareSequences(layout, sequences / threads, t)).ToArray();
        try
        {
            await Task.WhenAll(loops.Select(l => OnThread(() =>
            {
                BareLoop(decoder, l);
                return 0;
            })));
        }
        finally
        {
            foreach (var loop in loops)
            {
                loop.Pool.Dispose();
            }
        }
    }

    private static (KvPool Pool, SessionTable Table, Sequence[] Sequences) BareSequences(KvLayout layout, int count, int thread)
    {
        var pool = new KvPool(layout, 512L << 20);
        var table = new SessionTable(pool, new EngineCounters());
        var sequences = Enumerable.Range(0, count).Select(i =>
        {
            var sequence = new Sequence(Request($"{thread}.{i}", Prompt(PromptTokens, i), 0, NewTokens, i));
            var session = new Session(sequence.Request.Session, null, 0);
            session.Tokens.AddRange(sequence.Request.Tokens);
            table.Add(session);
            table.Reserve(sequence, KvLayout.Pages(PromptTokens + NewTokens));
            table.Busy(session, sequence);
            table.Extend(sequence, PromptTokens + NewTokens);
            return sequence;
        }).ToArray();
        return (pool, table, sequences);
    }

    private static void BareLoop(Decoder decoder, (KvPool Pool, SessionTable Table, Sequence[] Sequences) loop)
    {
        IntraOpThreads.UseOne();
        using var inference = inference_mode();
        var worker = new StepWorker(decoder.Config, fixedRows: false);
        var share = new StepShare();
        for (var token = 0; token < NewTokens; token++)
        {
            share.Clear();
            foreach (var sequence in loop.Sequences)
            {
                var session = sequence.Session!;
                share.Add(new StepWork(sequence, session.Computed, session.Tokens.Count - session.Computed, Sample: true));
            }

            worker.Run(decoder, share);
            for (var i = 0; i < loop.Sequences.Length; i++)
            {
                var session = loop.Sequences[i].Session!;
                session.Computed = session.Tokens.Count;
                session.Tokens.Add(share.Sampled[i].Token);
            }
        }
    }

    /// <summary>What one writes first: one sequence, a preallocated cache, libtorch's attention, the same sampler.</summary>
    private static int TorchLoop(Decoder decoder)
    {
        IntraOpThreads.UseOne();
        using var inference = inference_mode();
        using var outer = NewDisposeScope();
        var config = decoder.Config;
        var caches = Enumerable.Range(0, 2 * config.Layers).Select(_ => zeros(1, config.KvHeads, PromptTokens + NewTokens, config.HeadDim)).ToArray();
        var sampler = new TokenSampler(config.VocabSize);
        var prompt = Prompt(PromptTokens, 0).Select(t => (long)t).ToArray();
        var ids = prompt;
        var at = 0;
        for (var token = 0; token < NewTokens; token++)
        {
            using var scope = NewDisposeScope();
            var (start, count) = (at, ids.Length);
            var hidden = decoder.Forward(tensor(ids), arange(start, start + count, ScalarType.Int64), (layer, q, k, v) =>
            {
                caches[2 * layer].narrow(2, start, count).copy_(k.transpose(0, 1).unsqueeze(0));
                caches[(2 * layer) + 1].narrow(2, start, count).copy_(v.transpose(0, 1).unsqueeze(0));
                return Training.Native.Aten.ScaledDotProductAttention(
                    q.transpose(0, 1).unsqueeze(0), caches[2 * layer].narrow(2, 0, start + count), caches[(2 * layer) + 1].narrow(2, 0, start + count), isCausal: count > 1).squeeze(0).transpose(0, 1);
            });
            at += count;
            var logits = decoder.Logits(hidden.narrow(0, count - 1, 1));
            ids = [sampler.Sample(System.Runtime.InteropServices.MemoryMarshal.Cast<byte, float>(logits.bytes), SamplingOptions.Training(), ChanceKey.Root(1), at).Token];
        }

        return at;
    }

    private static async Task ForksAsync(PolicyEngine engine)
    {
        List<double> forks = [], copies = [];
        long recomputed = 0;
        for (var round = 0; round <= 4 * Rounds; round++)
        {
            var prompt = Prompt(Prefix + 1, 9);
            await engine.GenerateAsync(Request("source", prompt, 0, 1, 0), CancellationToken.None);
            for (var k = 0; k < Forks; k++)
            {
                await engine.GenerateAsync(Request(FormattableString.Invariant($"copy{k}"), prompt, 0, 1, 0), CancellationToken.None);
            }

            var before = engine.Status.PrefilledTokens;
            Keep(forks, round, await TimeAsync(engine, k => Request(FormattableString.Invariant($"source/b{Prefix}r{k}"), [], Prefix, ForkTokens, k) with { ForkOf = "source" }));
            recomputed += engine.Status.PrefilledTokens - before;
            Keep(copies, round, await TimeAsync(engine, k => Request(FormattableString.Invariant($"copy{k}"), [], Prefix, ForkTokens, k)));
            engine.Release("source");
            for (var k = 0; k < Forks; k++)
            {
                engine.Release(FormattableString.Invariant($"copy{k}"));
            }
        }

        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"""
            {Forks} continuations of {ForkTokens} tokens after a prefix of {Prefix}; ms, median of {4 * Rounds}
              forks that share the prefix            {1e3 * Median(forks),9:F1}
              private copies of a filled cache       {1e3 * Median(copies),9:F1}
            | private copies / forks, time           | {Median(copies) / Median(forks):F2} | at least 1.0 |
            | prefix tokens recomputed               | {recomputed} | 0 |
            """));
    }

    private static async Task MemoryAsync(PolicyEngine engine)
    {
        const int Sessions = 33;
        // What was released before is gone when this is answered.
        await engine.GenerateAsync(Request("m", [1], 0, 1, 0), CancellationToken.None);
        var before = engine.Status.KvBytes;
        long tokens = 0;
        for (var i = 0; i < Sessions; i++)
        {
            var length = 64 + (i * 30);
            tokens += length;
            await engine.GenerateAsync(Request(FormattableString.Invariant($"m/{i}"), Prompt(length, i), 0, 1, i), CancellationToken.None);
        }

        var least = tokens * 2L * Shapes.Tiny.Layers * Shapes.Tiny.KvHeads * Shapes.Tiny.HeadDim * sizeof(float);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| KV bytes per token, lengths 64-1,024, / least | {(engine.Status.KvBytes - before) / (double)least:F2} | at most 1.5 |"));
        engine.Release("m");
    }

    private static async Task<double> TimeAsync(PolicyEngine engine, Func<int, GenerateRequest> request)
    {
        var clock = Stopwatch.StartNew();
        var results = await Task.WhenAll(Enumerable.Range(0, Forks).Select(k => engine.GenerateAsync(request(k), CancellationToken.None)));
        return results.All(r => r.Tokens.Length == ForkTokens) ? clock.Elapsed.TotalSeconds : throw new InvalidOperationException(results.First(r => r.Error is not null).Error);
    }

    private static GenerateRequest Request(string session, int[] tokens, int offset, int max, int key) => new()
    {
        Session = session,
        Offset = offset,
        Tokens = tokens,
        Sampling = SamplingOptions.Training(),
        Chance = ChanceKey.Root(1).With((ulong)key),
        MaxNewTokens = max,
        StopTokens = [],
    };

    private static int[] Prompt(int length, int seed)
    {
        var stream = ChanceKey.Root((ulong)seed).With("prompt").Stream();
        return [.. Enumerable.Range(0, length).Select(_ => stream.Next(Shapes.Tiny.VocabSize))];
    }

    private static void Keep(List<double> values, int round, double value)
    {
        if (round > 0)
        {
            values.Add(value);
        }
    }

    private static double Median(List<double> values) => values.Order().ElementAt(values.Count / 2);

    /// <summary>Tokens per second, by the clock and by processor time.</summary>
    private sealed class Rate
    {
        private readonly List<double> _wall = [];
        private readonly List<double> _cpu = [];

        public double PerSecond => Median(_wall);

        public double PerCpuSecond => Median(_cpu);

        public async Task AddAsync(int round, int sequences, Func<Task> run)
        {
            var process = Process.GetCurrentProcess();
            var (clock, cpu) = (Stopwatch.StartNew(), process.TotalProcessorTime);
            await run();
            process.Refresh();
            Keep(_wall, round, sequences * NewTokens / clock.Elapsed.TotalSeconds);
            Keep(_cpu, round, sequences * NewTokens / (process.TotalProcessorTime - cpu).TotalSeconds);
        }

        public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{PerSecond,13:N0}{PerCpuSecond,16:N0}");
    }

    private static Task<T> OnThread<T>(Func<T> work) =>
        Task.Factory.StartNew(work, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
}
