using System.Diagnostics;
using System.Globalization;
using Axpo.Core;
using Axpo.Training.Generation;

namespace Axpo.Device;

/// <summary>Tokens a second of the engine on the device, and beside it on the processor.</summary>
internal static class EngineBench
{
    public static async Task RunAsync(Settings settings, Table table)
    {
        var root = Directory.CreateTempSubdirectory("axpo-device-").FullName;
        foreach (var (name, shape) in EngineRuns.Models(settings))
        {
            var folder = Path.Combine(root, shape.VocabSize.ToString(CultureInfo.InvariantCulture));
            Work.Save(shape, folder);
            await using (var engine = await EngineRuns.StartAsync(settings, folder, onDevice: true))
            {
                foreach (var live in settings.Small ? [1, 8] : new[] { 1, 8, 64, 256 })
                {
                    await DecodeAsync(table, engine, name, shape.VocabSize, live, settings.Small ? 8 : 64, SamplingOptions.Training(), "whole distribution");
                }

                await DecodeAsync(table, engine, name, shape.VocabSize, settings.Small ? 8 : 64, settings.Small ? 8 : 64, SamplingOptions.PaperEvaluation, "top-k 20, top-p 0.8");
                await PrefillAsync(table, engine, name, shape.VocabSize, settings.Small ? 2 : 16, settings.Small ? 100 : 1500);
            }

            await using var processor = await EngineRuns.StartAsync(settings, folder, onDevice: false);
            await DecodeAsync(table, processor, name + ", processor", shape.VocabSize, settings.Small ? 8 : 64, settings.Small ? 8 : 32, SamplingOptions.Training(), "whole distribution");
        }

        Directory.Delete(root, recursive: true);
    }

    private static async Task DecodeAsync(Table table, PolicyEngine engine, string name, int vocabulary, int live, int tokens, SamplingOptions sampling, string how)
    {
        var seconds = await TimeAsync(engine, i => EngineRuns.Request($"d/{i}", vocabulary, 16, tokens, i, sampling), live);
        table.Figure(
            string.Create(CultureInfo.InvariantCulture, $"engine, {name}: decode, {live} live, {how}"),
            string.Create(CultureInfo.InvariantCulture, $"{live * tokens / seconds:N0} tokens/s, {seconds / tokens * 1e3:F2} ms a step"));
    }

    private static async Task PrefillAsync(Table table, PolicyEngine engine, string name, int vocabulary, int sequences, int prompt)
    {
        var seconds = await TimeAsync(engine, i => EngineRuns.Request($"d/{i}", vocabulary, prompt, 1, i, SamplingOptions.Training()), sequences);
        table.Figure(
            string.Create(CultureInfo.InvariantCulture, $"engine, {name}: prefill, {sequences} contexts of {prompt}"),
            string.Create(CultureInfo.InvariantCulture, $"{sequences * prompt / seconds:N0} tokens/s"));
    }

    /// <summary>The better of two rounds after one that warms up.</summary>
    private static async Task<double> TimeAsync(PolicyEngine engine, Func<int, GenerateRequest> request, int count)
    {
        var best = double.PositiveInfinity;
        for (var round = 0; round < 3; round++)
        {
            var clock = Stopwatch.StartNew();
            var results = await Task.WhenAll(Enumerable.Range(0, count).Select(i => engine.GenerateAsync(request(i), CancellationToken.None)));
            best = round == 0 ? best : Math.Min(best, clock.Elapsed.TotalSeconds);
            if (Array.Find(results, r => r.Status != GenerateStatus.Done) is { } failed)
            {
                throw new InvalidOperationException($"{failed.Status}: {failed.Error}");
            }

            engine.Release("d");
        }

        return best;
    }
}
