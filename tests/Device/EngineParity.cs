using System.Globalization;
using Axpo.Core;
using Axpo.Training.Generation;

namespace Axpo.Device;

/// <summary>The engine on the device against the engine on the processor: groups, several turns, forks, every kind of sampling, in one batch.</summary>
internal static class EngineParity
{
    private const int FirstTokens = 40;
    private const int ForkedAt = 5;

    private static readonly SamplingOptions[] Samplings =
        [SamplingOptions.Training(), SamplingOptions.Training(.7), new() { Temperature = 0 }, SamplingOptions.PaperEvaluation, new() { TopP = .9 }, new() { TopK = 50 }];

    public static async Task RunAsync(Settings settings, Table table)
    {
        var root = Directory.CreateTempSubdirectory("axpo-device-").FullName;
        foreach (var (name, shape) in EngineRuns.Models(settings))
        {
            var folder = Path.Combine(root, shape.VocabSize.ToString(CultureInfo.InvariantCulture));
            Work.Save(shape, folder);
            var (want, got) = (await GenerateAsync(settings, folder, shape.VocabSize, onDevice: false), await GenerateAsync(settings, folder, shape.VocabSize, onDevice: true));
            var (same, ratio, entropy, compared, counted) = (0, 0.0, 0.0, 0, 0);
            var first = want.Count / 3;
            for (var i = 0; i < want.Count; i++)
            {
                if (i >= first && Common(want[i % first], got[i % first]) < (i < 2 * first ? FirstTokens : ForkedAt))
                {
                    // What it goes on from parted at a near tie.
                    continue;
                }

                var common = Common(want[i], got[i]);
                counted++;
                same += common == want[i].Tokens.Length ? 1 : 0;
                compared += common;
                for (var t = 0; t < common; t++)
                {
                    ratio = Math.Max(ratio, Math.Abs(Math.Exp(got[i].LogProbs[t] - want[i].LogProbs[t]) - 1));
                    entropy = Math.Max(entropy, Math.Abs(got[i].Entropies[t] - want[i].Entropies[t]));
                }
            }

            table.Row($"engine, {name}: generations with the same tokens as on the processor", $"{same} of {counted}", "9 of 10 (the rest part at a near tie)", 10 * same >= 9 * want.Count);
            table.AtMost(string.Create(CultureInfo.InvariantCulture, $"... ratio of probabilities minus 1, {compared} tokens, largest"), ratio, 1e-3);
            table.AtMost("... entropy, largest difference", entropy, 1e-3);
        }

        Directory.Delete(root, recursive: true);
    }

    private static int Common(GenerateResult want, GenerateResult got) => want.Tokens.AsSpan().CommonPrefixLength(got.Tokens);

    /// <summary>First turns of groups, second turns, and forks of the first.</summary>
    private static async Task<List<GenerateResult>> GenerateAsync(Settings settings, string folder, int vocabulary, bool onDevice)
    {
        await using var engine = await EngineRuns.StartAsync(settings, folder, onDevice);
        var firsts = Enumerable.Range(0, settings.Small ? 12 : 48)
            .Select(i => EngineRuns.Request($"g{i / 6}/{i}", vocabulary, 20 + (60 * (i / 6)), FirstTokens, i, Samplings[i % Samplings.Length], $"g{i / 6}")).ToArray();
        var results = new List<GenerateResult>(await AllAsync(engine, firsts));
        int[] observation = [.. Enumerable.Range(0, 17).Select(t => t * 11 % vocabulary)];
        results.AddRange(await AllAsync(engine, firsts.Select(f => f with { Offset = f.Tokens.Length + FirstTokens, Tokens = observation })));
        results.AddRange(await AllAsync(engine, firsts.Select((f, i) => f with
        {
            Session = f.Session + "/b",
            Offset = f.Tokens.Length + ForkedAt,
            Tokens = [],
            ForkOf = f.Session,
            Chance = ChanceKey.Root(8).With((ulong)i),
        })));
        return results;
    }

    private static async Task<GenerateResult[]> AllAsync(PolicyEngine engine, IEnumerable<GenerateRequest> requests)
    {
        var results = await Task.WhenAll(requests.Select(r => engine.GenerateAsync(r, CancellationToken.None)));
        return Array.Find(results, r => r.Status != GenerateStatus.Done) is { } failed ? throw new InvalidOperationException($"{failed.Status}: {failed.Error}") : results;
    }
}
