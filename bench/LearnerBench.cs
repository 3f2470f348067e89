using System.Diagnostics;
using System.Globalization;
using Axpo.Core;
using Axpo.Training.Generation;
using Axpo.Training.Learning;
using Axpo.Training.Models;
using Axpo.Training.Native;
using Microsoft.Extensions.Logging.Abstractions;
using TorchSharp;
using static TorchSharp.torch;

namespace Axpo.Bench;

/// <summary>
/// The learner's row of the budgets, at axpo-tiny's shape and at 25 M parameters: useful FLOP a second (6P a trained token, 2P a token of each pass for old and reference
/// log-probs: the first minibatch has none for the old ones) against the peak of a matrix product in the same precision on the same threads. And a whole step of the shape for which TRL's figure is known.
/// </summary>
internal static class LearnerBench
{
    private const int Rounds = 5;
    private const int Matrix = 1024;
    private const int Minibatches = 2;

    // TRL 1.16 (transformers 5.23, torch 2.13, two threads): 128 rollouts of 64 tokens, at a GEMM peak of 140 GFLOP/s.
    private const double TrlSeconds = 3.1;
    private const double TrlGigaflops = 140;
    private const int TrlRollouts = 128;
    private const int TrlTokens = 64;
    private const int TrlPrompt = 16;

    /// <summary>Prints the table.</summary>
    public static async Task RunAsync()
    {
        var root = Directory.CreateTempSubdirectory("axpo-bench-").FullName;
        try
        {
            var threads = Environment.ProcessorCount;
            var (peak, rounded) = (Peak(threads, ScalarType.Float32), Peak(threads, ScalarType.BFloat16));
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{threads} threads, matrix product {Matrix}^3: fp32 {peak:F0} GFLOP/s, bf16 {rounded:F0}"));
            foreach (var (precision, best) in new[] { (LearnerPrecision.Float32, peak), (LearnerPrecision.Bfloat16, rounded) })
            {
                if (precision == LearnerPrecision.Float32 || rounded >= GemmReport.PayingRatio * peak)
                {
                    await UpdateAsync(Path.Combine(root, $"tiny-{precision}"), "axpo-tiny", Shapes.Tiny, 128, 64, precision, best, 0.45);
                    await UpdateAsync(Path.Combine(root, $"middle-{precision}"), "25 M parameters", Shapes.Middle, 16, 128, precision, best, 0.70);
                }
            }

            await StepAsync(Path.Combine(root, "tiny-Float32"), peak);
        }
        finally
        {
            Directory.Delete(root, recursive: true);
        }
    }

    private static async Task UpdateAsync(string folder, string name, DecoderConfig shape, int sequences, int length, LearnerPrecision precision, double peak, double budget)
    {
        long parameters;
        using (var decoder = Decoder.Create(shape, 1))
        {
            parameters = decoder.Parameters.Sum(p => p.Value.numel());
            decoder.Save(folder);
        }

        using var learner = await Learner.StartAsync(folder, new RunConfiguration { Learner = new LearnerOptions { Minibatches = Minibatches, Precision = precision } }, CancellationToken.None);
        var seconds = new List<double>();
        for (var round = 0; round <= Rounds; round++)
        {
            var batch = Batch(round + 1, Enumerable.Range(0, sequences).Select(i => Tokens(shape, length, i)).ToArray(), null);
            var clock = Stopwatch.StartNew();
            await learner.UpdateAsync(batch, CancellationToken.None);
            if (round > 0)
            {
                seconds.Add(clock.Elapsed.TotalSeconds);
            }
        }

        var tokens = (double)sequences * length;
        var flops = (6 + 2 + (2 * (1 - (1.0 / Minibatches)))) * parameters * tokens / Median(seconds) / 1e9;
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"""
            learner, {name} ({parameters / 1e6:F2} M), {precision}, {sequences} sequences of {length} tokens, {Minibatches} minibatches, frozen reference; median of {Rounds}
              {Median(seconds):F2} s an update, {tokens / Median(seconds):N0} tokens/s, {flops:F1} useful GFLOP/s
            | learner FLOP/s / matrix product, {name}, {precision} | {flops / peak:F2} | at least {budget:F2} |
            """));
    }

    private static async Task StepAsync(string folder, double peak)
    {
        await using var engine = await PolicyEngine.StartAsync(folder, new EngineOptions { MaxBatch = TrlRollouts }, TimeProvider.System, NullLogger<PolicyEngine>.Instance);
        using var learner = await Learner.StartAsync(folder, new RunConfiguration { Learner = new LearnerOptions { Minibatches = 1 } }, CancellationToken.None);
        List<double> steps = [], generations = [];
        for (var round = 0; round <= Rounds; round++)
        {
            var clock = Stopwatch.StartNew();
            var prompts = Enumerable.Range(0, TrlRollouts).Select(i => Tokens(Shapes.Tiny, TrlPrompt, i / 8)).ToArray();
            var results = await Task.WhenAll(prompts.Select((prompt, i) => engine.GenerateAsync(
                new GenerateRequest
                {
                    Session = string.Create(CultureInfo.InvariantCulture, $"s{round}/{i}"),
                    Group = string.Create(CultureInfo.InvariantCulture, $"s{round}/{i / 8}"),
                    Offset = 0,
                    Tokens = prompt,
                    Sampling = SamplingOptions.Training(),
                    Chance = ChanceKey.Root((ulong)round).With((ulong)i),
                    MaxNewTokens = TrlTokens,
                    StopTokens = [],
                },
                CancellationToken.None)));
            engine.Release(string.Create(CultureInfo.InvariantCulture, $"s{round}"));
            var generation = clock.Elapsed.TotalSeconds;
            await learner.UpdateAsync(Batch(round + 1, [.. prompts.Zip(results, (p, r) => (int[])[.. p, .. r.Tokens])], [.. results.Select(r => r.LogProbs)]), CancellationToken.None);
            if (round > 0)
            {
                generations.Add(generation);
                steps.Add(clock.Elapsed.TotalSeconds);
            }
        }

        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"""
            a step of {TrlRollouts} rollouts of {TrlTokens} tokens at axpo-tiny's shape; median of {Rounds}
              {Median(steps):F2} s, of which generation {Median(generations):F2} s ({TrlRollouts * TrlTokens / Median(generations):N0} tokens/s); TRL: {TrlSeconds} s at {TrlGigaflops} GFLOP/s
            | TRL's step / ours, each times its GEMM GFLOP/s | {TrlSeconds * TrlGigaflops / (Median(steps) * peak):F1} | at least 4 |
            """));
    }

    /// <summary>Every token after the first (the prompt, where there are behaviour log-probs) carries loss.</summary>
    private static UpdateBatch Batch(int step, int[][] sequences, float[][]? behaviour) => new(
        string.Create(CultureInfo.InvariantCulture, $"b{step}"),
        step,
        Math.Max(1, sequences.Length / 8),
        8,
        [.. sequences.Select((tokens, i) =>
        {
            var sampled = behaviour?[i].Length ?? tokens.Length - 1;
            var prompt = tokens.Length - sampled;
            return new TrainSequence
            {
                Id = new EpisodeId("bench", Phase.Train, step, i / 8, i % 8),
                Question = i / 8,
                Tokens = tokens,
                IsLoss = [.. tokens.Select((_, t) => t >= prompt)],
                Weight = 1.0 / sequences.Length,
                Advantages = [.. tokens.Select((_, t) => t < prompt ? 0 : i % 2 == 0 ? 1.0 : -1.0)],
                BehaviorLogProbs = [.. tokens.Select((_, t) => t < prompt ? float.NaN : behaviour?[i][t - prompt] ?? -1f)],
            };
        })]);

    private static int[] Tokens(DecoderConfig shape, int length, int seed)
    {
        var stream = ChanceKey.Root((ulong)seed).With("tokens").Stream();
        return [.. Enumerable.Range(0, length).Select(_ => stream.Next(shape.VocabSize))];
    }

    private static double Peak(int threads, ScalarType type)
    {
        set_num_threads(threads);
        using var scope = NewDisposeScope();
        var (a, b) = (randn(Matrix, Matrix).to(type), randn(Matrix, Matrix).to(type));
        var seconds = new List<double>();
        for (var round = 0; round <= 4 * Rounds; round++)
        {
            var clock = Stopwatch.StartNew();
            mm(a, b).Dispose();
            seconds.Add(clock.Elapsed.TotalSeconds);
        }

        return 2.0 * Matrix * Matrix * Matrix / seconds.Min() / 1e9;
    }

    private static double Median(List<double> values) => values.Order().ElementAt(values.Count / 2);
}
