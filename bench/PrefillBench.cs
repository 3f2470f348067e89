using System.Globalization;
using Axpo.Core;

namespace Axpo.Bench;

/// <summary>
/// Prompts of 1,024 tokens into the cache, one token sampled of each, against the matrix product. Two floating-point operations a token and weight that the token is multiplied with (not the
/// embedding; attention, which grows with the prompt, does not count as useful).
/// </summary>
internal static class PrefillBench
{
    private const int Length = 1024;
    private const int Rounds = 3;

    public static async Task<IReadOnlyList<Row>> RunAsync() =>
    [
        await MeasureAsync("axpo-tiny", new BenchModel(Shapes.Tiny), 64),
        await MeasureAsync("25 M parameters", new BenchModel(Shapes.Middle), 8),
    ];

    private static async Task<Row> MeasureAsync(string name, BenchModel owned, int prompts)
    {
        using var model = owned;
        await using var engine = await model.StartAsync(new EngineOptions { KvMebibytes = 1024, MaxBatch = Requests.BatchFor(prompts) });
        using var gemm = new Gemm();
        var tokens = new Rate();
        for (var round = 0; round <= Rounds; round++)
        {
            await gemm.MeasureAsync(round);
            await tokens.AddAsync(round, prompts * Length, () => Requests.AllAsync(engine, Enumerable.Range(0, prompts).Select(i => Requests.New($"p{round}/{i}", Requests.Tokens(Length, i, model.Shape.VocabSize), 0, 1, i))));
            engine.Release(FormattableString.Invariant($"p{round}"));
        }

        var perToken = 2 * model.LayerParameters / 1e9;
        return Row.Context(
            string.Create(CultureInfo.InvariantCulture, $"prefill of {prompts} prompts of {Length:N0} tokens, {name} / matrix product"),
            string.Create(CultureInfo.InvariantCulture, $"{tokens.PerSecond:N0} tokens/s, {tokens.PerSecond * perToken:F1} GFLOP/s"),
            string.Create(CultureInfo.InvariantCulture, $"{gemm.Rate.PerSecond:F0} GFLOP/s"),
            tokens.Against(gemm.Rate) * perToken);
    }
}
