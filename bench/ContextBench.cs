using System.Globalization;
using Axpo.Core;

namespace Axpo.Bench;

/// <summary>What a decode step costs with a long context in the cache, against a short one.</summary>
internal static class ContextBench
{
    private const int Short = 128;
    private const int Long = 2048;
    private const int NewTokens = 16;
    private const int Live = 32;
    private const int Rounds = 7;

    public static async Task<IReadOnlyList<Row>> RunAsync()
    {
        using var model = new BenchModel(Shapes.Tiny);
        await using var engine = await model.StartAsync(new EngineOptions { KvMebibytes = 1024 });
        Rate few = new(), many = new();
        await FillAsync(Short);
        await FillAsync(Long);
        for (var round = 0; round <= Rounds; round++)
        {
            await few.AddAsync(round, NewTokens, () => DecodeAsync(Short));
            await many.AddAsync(round, NewTokens, () => DecodeAsync(Long));
        }

        return [Row.Context($"time of a step of {Live} sequences with {Long:N0} tokens of context / with {Short}", Milliseconds(many), Milliseconds(few), few.Against(many))];

        Task FillAsync(int length) => Requests.AllAsync(engine, Enumerable.Range(0, Live).Select(i => Requests.New($"{length}/{i}", Requests.Tokens(length - NewTokens, i, model.Shape.VocabSize), 0, 1, i)));

        Task DecodeAsync(int length) => Requests.AllAsync(engine, Enumerable.Range(0, Live).Select(i => Requests.New($"{length}/{i}", [], length - NewTokens, NewTokens, i)));
    }

    private static string Milliseconds(Rate rate) => string.Create(CultureInfo.InvariantCulture, $"{1000 / rate.PerSecond:F2} ms");
}
