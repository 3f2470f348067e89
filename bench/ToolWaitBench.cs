using System.Globalization;
using Axpo.Core;

namespace Axpo.Bench;

/// <summary>Whether waiting for tools is hidden behind the other episodes' tokens: episodes whose tool takes 200 ms, against the same ones whose tool answers at once.</summary>
internal static class ToolWaitBench
{
    private const int Rounds = 5;
    private const double Budget = .9;
    private static readonly TimeSpan _tool = TimeSpan.FromMilliseconds(200);

    public static async Task<IReadOnlyList<Row>> RunAsync() =>
    [
        await MeasureAsync("axpo-tiny", new BenchModel(Shapes.Tiny), 256, TimeSpan.FromSeconds(5)),
        await MeasureAsync("25 M parameters", new BenchModel(Shapes.Middle), 64, TimeSpan.FromSeconds(8)),
    ];

    private static async Task<Row> MeasureAsync(string name, BenchModel owned, int live, TimeSpan window)
    {
        using var model = owned;
        await using var engine = await model.StartAsync(new EngineOptions { KvMebibytes = 1024, MaxBatch = Requests.BatchFor(live) });
        var waits = new LiveEpisodes(engine, live, model.Shape.VocabSize) { Tool = _tool };
        var none = new LiveEpisodes(engine, live, model.Shape.VocabSize);
        Rate ours = new(), against = new();
        for (var round = 0; round <= Rounds; round++)
        {
            var with = await waits.RunAsync(2 * round, TimeSpan.FromSeconds(1), window);
            var without = await none.RunAsync((2 * round) + 1, TimeSpan.FromSeconds(1), window);
            ours.Add(round, with.PerSecond, with.PerCpuSecond);
            against.Add(round, without.PerSecond, without.PerCpuSecond);
        }

        return Row.AtLeast($"{live} live episodes whose tool takes {_tool.TotalMilliseconds} ms / at once, {name}", string.Create(CultureInfo.InvariantCulture, $"{ours.Tokens} (by processor time {ours.CpuAgainst(against):G3})"), against.Tokens, ours.Against(against), Budget);
    }
}
