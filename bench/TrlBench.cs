using System.Globalization;
using Axpo.Core;
using Axpo.Training.Generation;
using Axpo.Training.Learning;

namespace Axpo.Bench;

/// <summary>
/// A whole step, rollouts and update, of the shape for which TRL's figure is known, each times libtorch's matrix product on its machine, which TRL's step is made of. TRL 1.16's default weight of the divergence from the reference is 0, so that
/// it computes no reference log-probs: the row like for like, which the budget is for; ours at its own default computes them.
/// </summary>
internal static class TrlBench
{
    // TRL 1.16 (transformers 5.23, torch 2.13, two threads): 128 rollouts of 64 tokens, at a matrix product of 140 GFLOP/s.
    private const double TrlSeconds = 3.1;
    private const double TrlGigaflops = 140;
    private const int Rollouts = 128;
    private const int NewTokens = 64;
    private const int PromptTokens = 16;
    private const int Rounds = 5;
    private const double Budget = 4;
    private static readonly string Theirs = string.Create(CultureInfo.InvariantCulture, $"{TrlSeconds} s at {TrlGigaflops} GFLOP/s (stored, another machine)");

    public static async Task<IReadOnlyList<Row>> RunAsync()
    {
        using var model = new BenchModel(Shapes.Tiny);
        await using var engine = await model.StartAsync(new EngineOptions { MaxBatch = Requests.BatchFor(Rollouts) });
        var configuration = new RunConfiguration { Learner = new LearnerOptions { Minibatches = 1 } };
        using var reference = await Learner.StartAsync(model.Folder, configuration, CancellationToken.None);
        using var like = await Learner.StartAsync(model.Folder, configuration with { Objective = configuration.Objective with { KlWeight = 0 } }, CancellationToken.None);
        using var gemm = new Gemm();
        Rate withReference = new(), alike = new(), generation = new();
        for (var round = 0; round <= Rounds; round++)
        {
            await gemm.MeasureAsync(round);
            await alike.AddAsync(round, 1, () => StepAsync(engine, like, round, generation));
            await withReference.AddAsync(round, 1, () => StepAsync(engine, reference, round, generation));
        }

        return
        [
            Row.AtLeast(What("TRL's step / ours like for like (no divergence)"), Ours(alike), Theirs, Ratio(alike), Budget),
            Row.Context(What("TRL's step (no divergence) / ours with divergence from a frozen reference"), Ours(withReference), Theirs, Ratio(withReference)),
        ];

        string Ours(Rate steps) => string.Create(
            CultureInfo.InvariantCulture, $"{1 / steps.PerSecond:F2} s, of which generation {1 / generation.PerSecond:F2} s ({Rollouts * NewTokens * generation.PerSecond:N0} tokens/s), at {gemm.Libtorch.PerSecond:F0} GFLOP/s of libtorch's product");

        double Ratio(Rate steps) => TrlSeconds * TrlGigaflops * steps.Against(gemm.Libtorch);

        static string What(string sides) => string.Create(CultureInfo.InvariantCulture, $"{sides}, {Rollouts} rollouts of {NewTokens} tokens, each times libtorch's matrix product");
    }

    private static async Task StepAsync(PolicyEngine engine, Learner learner, int round, Rate generation)
    {
        int[][] prompts = [.. Enumerable.Range(0, Rollouts).Select(i => Requests.Tokens(PromptTokens, i / 8, Shapes.Tiny.VocabSize))];
        GenerateResult[] results = [];
        await generation.AddAsync(round, 1, async () => results = await Requests.AllAsync(engine, prompts.Select((prompt, i) =>
            Requests.New($"s{round}/{i}", prompt, 0, NewTokens, (round * Rollouts) + i) with { Group = $"s{round}/{i / 8}" })));
        engine.Release(FormattableString.Invariant($"s{round}"));
        await learner.UpdateAsync(LearnerBatches.Of(round + 1, [.. prompts.Zip(results, (p, r) => (int[])[.. p, .. r.Tokens])], [.. results.Select(r => r.LogProbs)]), CancellationToken.None);
    }
}
