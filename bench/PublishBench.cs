using System.Globalization;
using Axpo.Core;
using Axpo.Training.Generation;

namespace Axpo.Bench;

/// <summary>What a change of weights costs the sequences that are live: tokens a second with a new version every second, and the longest wait for a step.</summary>
internal static class PublishBench
{
    private const int Rounds = 3;

    public static async Task<IReadOnlyList<Row>> RunAsync() =>
    [
        .. await MeasureAsync("axpo-tiny", new BenchModel(Shapes.Tiny), 64, TimeSpan.FromSeconds(5)),
        .. await MeasureAsync("25 M parameters", new BenchModel(Shapes.Middle), 32, TimeSpan.FromSeconds(8)),
    ];

    private static async Task<IReadOnlyList<Row>> MeasureAsync(string name, BenchModel owned, int live, TimeSpan window)
    {
        using var model = owned;
        await using var engine = await model.StartAsync(new EngineOptions { KvMebibytes = 1024, MaxBatch = Requests.BatchFor(live) });
        var load = new LiveEpisodes(engine, live, model.Shape.VocabSize);
        Rate calm = new(), changing = new();
        List<double> calmGaps = [], gaps = [];
        var published = 0;
        for (var round = 1; round <= Rounds; round++)
        {
            var without = await load.RunAsync(2 * round, TimeSpan.FromSeconds(1), window);
            var with = await load.RunAsync((2 * round) + 1, TimeSpan.FromSeconds(1), window, PublishAsync);
            calm.Add(round, without.PerSecond, without.PerCpuSecond);
            changing.Add(round, with.PerSecond, with.PerCpuSecond);
            calmGaps.Add(without.LongestGap.TotalMilliseconds);
            gaps.Add(with.LongestGap.TotalMilliseconds);
        }

        return
        [
            Row.Context($"{live} live with new weights every second / without, {name}", changing.Tokens, calm.Tokens, changing.Against(calm)),
            Row.Context($"longest time between two steps, with new weights every second / without, {name}", Milliseconds(gaps.Max()), Milliseconds(calmGaps.Max()), gaps.Max() / calmGaps.Max()),
        ];

        async Task PublishAsync(CancellationToken stop)
        {
            using var timer = new PeriodicTimer(TimeSpan.FromSeconds(1));
            try
            {
                while (await timer.WaitForNextTickAsync(stop))
                {
                    await engine.PublishAsync(new WeightsVersion(1, ++published, model.Folder, model.Sha256), CancellationToken.None);
                }
            }
            catch (OperationCanceledException)
            {
                // The window is over.
            }
        }
    }

    private static string Milliseconds(double value) => string.Create(CultureInfo.InvariantCulture, $"{value:F0} ms");
}
