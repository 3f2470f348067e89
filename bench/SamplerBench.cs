using System.Globalization;
using Axpo.Core;
using Axpo.Training.Generation;
using Axpo.Training.Models;
using Axpo.Training.Threads;
using TorchSharp;
using static TorchSharp.torch;

namespace Axpo.Bench;

/// <summary>
/// Head and sampler on one thread, 32 rows at a time, by size of vocabulary: against the head's matrix product alone, and as a share of a whole decode step of axpo-tiny with such a vocabulary. By processor time: there is one thread, and it never waits.
/// </summary>
internal static class SamplerBench
{
    private const int Rows = 32;
    private const int Rounds = 5;
    private const int StepTokens = 8;
    private static readonly (int Vocabulary, int Repeats)[] _sizes = [(1247, 200), (32_000, 6), (150_000, 2)];

    public static async Task<IReadOnlyList<Row>> RunAsync()
    {
        var rows = new List<Row>();
        foreach (var (vocabulary, repeats) in _sizes)
        {
            using var model = new BenchModel(Shapes.Tiny with { VocabSize = vocabulary });
            using var decoder = Decoder.LoadPacked(model.Folder);
            Rate whole = new(), cut = new(), nucleus = new(), product = new(), step = new();
            for (var round = 0; round <= Rounds; round++)
            {
                await product.AddAsync(round, Rows * repeats, () => HeadAsync(decoder, null, repeats));
                await whole.AddAsync(round, Rows * repeats, () => HeadAsync(decoder, SamplingOptions.Training(), repeats));
                await cut.AddAsync(round, Rows * repeats, () => HeadAsync(decoder, SamplingOptions.PaperEvaluation, repeats));
                await nucleus.AddAsync(round, Rows * repeats, () => HeadAsync(decoder, new SamplingOptions { TopP = .95 }, repeats));
                await step.AddAsync(round, Rows * StepTokens, () => BareLoop.RunAsync(decoder, Rows, 1, 1, StepTokens));
            }

            var share = step.PerCpuSecond / whole.PerCpuSecond;
            rows.Add(Line("whole distribution", whole) with { Against = string.Create(CultureInfo.InvariantCulture, $"{1e9 / product.PerCpuSecond:N0} ns a token (both are {share:P0} of a decode step)") });
            rows.Add(Line("T .7, top-p .8, top-k 20", cut));
            rows.Add(Line("top-p .95", nucleus));

            Row Line(string how, Rate rate) => Row.Context(
                string.Create(CultureInfo.InvariantCulture, $"head and sampler, {vocabulary:N0} tokens of vocabulary, {how} / the head's matrix product alone, time"),
                string.Create(CultureInfo.InvariantCulture, $"{1e9 / rate.PerCpuSecond:N0} ns a token"),
                string.Create(CultureInfo.InvariantCulture, $"{1e9 / product.PerCpuSecond:N0} ns a token"),
                product.CpuAgainst(rate));
        }

        return rows;
    }

    /// <summary>The worker's head on rows of its own; null: only the matrix product.</summary>
    private static Task<int> HeadAsync(Decoder decoder, SamplingOptions? options, int repeats) => BareLoop.OnThread(() =>
    {
        IntraOpThreads.UseOne();
        using var inference = inference_mode();
        using var scope = NewDisposeScope();
        var hidden = randn(Rows, decoder.Config.HiddenSize);
        using var logits = options is null ? empty(Rows, decoder.Config.VocabSize) : empty(0);
        var head = new TokenHead(decoder.Config.VocabSize);
        var share = Share(options ?? SamplingOptions.Training());
        int[] work = [.. Enumerable.Range(0, Rows)];
        for (var repeat = 0; repeat < repeats; repeat++)
        {
            if (options is null)
            {
                decoder.LogitsInto(logits, hidden, 0);
            }
            else
            {
                head.Sample(decoder, hidden, share, work);
            }
        }

        return share.Errors.TrueForAll(e => e is null) ? 0 : throw new InvalidOperationException(share.Errors.First(e => e is not null));
    });

    private static StepShare Share(SamplingOptions options)
    {
        var share = new StepShare();
        for (var i = 0; i < Rows; i++)
        {
            var request = Requests.New(FormattableString.Invariant($"{i}"), [1], 0, 1, i) with { Sampling = options };
            var sequence = new Sequence(request) { Session = new Session(request.Session, null) };
            share.Add(new StepWork(sequence, 0, 0, Sample: true));
            share.Sampled.Add(default);
            share.Errors.Add(null);
        }

        return share;
    }
}
