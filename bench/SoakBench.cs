using System.Globalization;
using Axpo.Core;
using Axpo.Training.Learning;

namespace Axpo.Bench;

/// <summary>
/// 500 training steps at axpo-tiny's shape, each with its rollouts, update, checkpoint, publication and release: resident memory at step 500 against step 50. Nothing is collected by force; what the process holds counts.
/// Every step goes to docs/benchmarks/soak.csv and soak.svg.
/// </summary>
internal static class SoakBench
{
    private const int Steps = 500;
    private const int Mark = 50;
    private const int Rollouts = 16;
    private const int PromptTokens = 16;
    private const int NewTokens = 32;

    public static async Task<IReadOnlyList<Row>> RunAsync()
    {
        using var model = new BenchModel(Shapes.Tiny);
        await using var engine = await model.StartAsync(new EngineOptions { KvMebibytes = 64 });
        using var learner = await Learner.StartAsync(model.Folder, new RunConfiguration(), CancellationToken.None);
        var checkpoints = Directory.CreateTempSubdirectory("axpo-soak-").FullName;
        var mebibytes = new List<double>();
        try
        {
            for (var step = 1; step <= Steps; step++)
            {
                int[][] prompts = [.. Enumerable.Range(0, Rollouts).Select(i => Requests.Tokens(PromptTokens, (step * Rollouts) + (i / 8), model.Shape.VocabSize))];
                // Lengths differ from step to step, as they do in a run.
                var results = await Requests.AllAsync(engine, prompts.Select((p, i) =>
                    Requests.New($"s{step}/{i}", p, 0, 1 + (((step * 7) + (i * 5)) % NewTokens), (step * Rollouts) + i) with { Group = $"s{step}/{i / 8}" }));
                await learner.UpdateAsync(LearnerBatches.Of(step, [.. prompts.Zip(results, (p, r) => (int[])[.. p, .. r.Tokens])], [.. results.Select(r => r.LogProbs)]), CancellationToken.None);
                var folder = Path.Combine(checkpoints, step.ToString(CultureInfo.InvariantCulture));
                var saved = await learner.SaveAsync(folder, CancellationToken.None);
                await engine.PublishAsync(new WeightsVersion(1, step, folder, saved.Sha256), CancellationToken.None);
                engine.Release(FormattableString.Invariant($"s{step}"));
                Directory.Delete(folder, recursive: true);
                mebibytes.Add(Resident());
            }
        }
        finally
        {
            Directory.Delete(checkpoints, recursive: true);
        }

        Write(mebibytes);
        var (first, last) = (mebibytes[Mark - 1], mebibytes[^1]);
        return [Row.AtMost($"resident memory after {Steps} training steps / after {Mark}, axpo-tiny", Mebibytes(last), Mebibytes(first), last / first, 1.05)];
    }

    private static void Write(List<double> mebibytes)
    {
        var folder = Path.Combine("docs", "benchmarks");
        Directory.CreateDirectory(folder);
        File.WriteAllText(
            Path.Combine(folder, "soak.csv"),
            "step,resident_mib\n" + string.Concat(mebibytes.Select((m, i) => string.Create(CultureInfo.InvariantCulture, $"{i + 1},{m:F1}\n"))));
        File.WriteAllText(Path.Combine(folder, "soak.svg"), LinePlot.Svg($"Resident memory over {mebibytes.Count} training steps, axpo-tiny", "step", "MiB", mebibytes));
    }

    private static double Resident()
    {
        var line = File.ReadLines("/proc/self/status").First(l => l.StartsWith("VmRSS:", StringComparison.Ordinal));
        return long.Parse(line.AsSpan(6, line.Length - 6 - 3).Trim(), CultureInfo.InvariantCulture) / 1024.0;
    }

    private static string Mebibytes(double value) => string.Create(CultureInfo.InvariantCulture, $"{value:F0} MiB");
}
