using System.Globalization;
using Axpo.Core;
using Axpo.Training.Generation;
using Axpo.Training.Models;

namespace Axpo.Bench;

/// <summary>Decoding at axpo-tiny's shape with random weights, from 1 to 256 live sequences, against bare loops.</summary>
internal static class EngineBench
{
    private const int Live = 64;
    private const int PromptTokens = 64;
    private const int NewTokens = 160;
    private const int Rounds = 5;
    private const int FewRounds = 3;
    private static readonly int[] _others = [1, 8, 32, 128, 256];

    public static async Task<IReadOnlyList<Row>> RunAsync()
    {
        using var model = new BenchModel(Shapes.Tiny);
        using var plain = Decoder.Load(model.Folder);
        using var decoder = Decoder.LoadPacked(model.Folder);
        var options = new EngineOptions { KvMebibytes = 1024, MaxBatch = Requests.BatchFor(256) };
        await using var engine = await model.StartAsync(options);
        await using var deterministic = await model.StartAsync(options with { Deterministic = true });
        return [.. await AtBudgetAsync(decoder, plain, engine, deterministic), .. await CurveAsync(decoder, engine)];
    }

    private static async Task<IReadOnlyList<Row>> AtBudgetAsync(Decoder decoder, Decoder plain, PolicyEngine engine, PolicyEngine deterministic)
    {
        Rate ours = new(), grouped = new(), always = new(), bare = new(), bareOneThread = new(), one = new(), oneTorch = new();
        for (var round = 0; round <= Rounds; round++)
        {
            await ours.AddAsync(round, Live * NewTokens, () => EngineAsync(engine, round, Live));
            await bare.AddAsync(round, Live * NewTokens, () => BareLoop.RunAsync(decoder, Live, Requests.Workers, PromptTokens, NewTokens));
            await grouped.AddAsync(round, Live * NewTokens, () => EngineAsync(engine, round, Live, groupSize: 8));
            await one.AddAsync(round, NewTokens, () => BareLoop.RunAsync(decoder, 1, 1, PromptTokens, NewTokens));
            await oneTorch.AddAsync(round, NewTokens, () => BareLoop.TorchAsync(plain, PromptTokens, NewTokens));
            await bareOneThread.AddAsync(round, Live * NewTokens, () => BareLoop.RunAsync(decoder, Live, 1, PromptTokens, NewTokens));
            await always.AddAsync(round, Live * NewTokens, () => EngineAsync(deterministic, round, Live));
        }

        var single = one.PerSecond > oneTorch.PerSecond ? one : oneTorch;
        return
        [
            Row.AtLeast($"engine, {Live} live / same kernels in a bare loop", Both(ours, bare), bare.Tokens, ours.Against(bare), .85),
            Row.AtLeast($"engine, {Live} live / the faster bare loop of one sequence", Both(ours, single), single.Tokens, ours.Against(single), 5),
            Row.Context($"engine, {Live} live / a bare loop of one sequence with plain weights and libtorch's attention", Both(ours, oneTorch), oneTorch.Tokens, ours.Against(oneTorch)),
            Row.Context($"engine, {Live} live in groups of 8 / without groups", Both(grouped, ours), ours.Tokens, grouped.Against(ours)),
            Row.Context($"engine, {Live} live, deterministic mode / not deterministic", Both(always, ours), ours.Tokens, always.Against(ours)),
            Row.Context($"bare loop of {Live}, {Requests.Workers} threads / 1 thread", Both(bare, bareOneThread), bareOneThread.Tokens, bare.Against(bareOneThread)),
            Row.Context("bare loop of one sequence, packed weights and our attention / plain weights and libtorch's", Both(one, oneTorch), oneTorch.Tokens, one.Against(oneTorch)),
        ];
    }

    private static async Task<IReadOnlyList<Row>> CurveAsync(Decoder decoder, PolicyEngine engine)
    {
        var (ours, bare) = (_others.ToDictionary(n => n, _ => new Rate()), _others.ToDictionary(n => n, _ => new Rate()));
        for (var round = 0; round <= FewRounds; round++)
        {
            foreach (var live in _others)
            {
                await ours[live].AddAsync(round, live * NewTokens, () => EngineAsync(engine, 1000 + round, live));
                await bare[live].AddAsync(round, live * NewTokens, () => BareLoop.RunAsync(decoder, live, Math.Min(Requests.Workers, live), PromptTokens, NewTokens));
            }
        }

        return [.. _others.Select(n => Row.Context($"engine, {n} live / same kernels in a bare loop", Both(ours[n], bare[n]), bare[n].Tokens, ours[n].Against(bare[n])))];
    }

    private static async Task EngineAsync(PolicyEngine engine, int round, int live, int groupSize = 1)
    {
        await Requests.AllAsync(engine, Enumerable.Range(0, live).Select(i =>
            Requests.New($"t{round}/{i}", Requests.Tokens(PromptTokens, i / groupSize, Shapes.Tiny.VocabSize), 0, NewTokens, i) with { Group = groupSize > 1 ? $"t{round}/{i / groupSize}" : null }));
        engine.Release(FormattableString.Invariant($"t{round}"));
    }

    private static string Both(Rate rate, Rate against) => string.Create(CultureInfo.InvariantCulture, $"{rate.Tokens} (by processor time {rate.CpuAgainst(against):G3})");
}
