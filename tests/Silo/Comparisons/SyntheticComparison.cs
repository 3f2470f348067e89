using Axpo.Core;
using Axpo.Silo.Comparisons;
using Xunit;

namespace Axpo.Silo.Tests.Comparisons;

/// <summary>
/// A stored comparison of known figures: <c>base</c> and <c>better</c> over seeds 1 and 2, four steps, evaluated before, after step 2 and at the end. Of 4 questions with 4 samples <c>base</c> always answers 1 sample
/// of each; <c>better</c> 1 before, 2 in the middle and 3 at the end, and calls as often. Its steps cost 150 tokens (50 of them continuations) and 3 s, those of <c>base</c> 100 tokens and 2 s.
/// </summary>
internal static class SyntheticComparison
{
    public const int Steps = 4;

    /// <summary>Writes plan and summaries.</summary>
    /// <param name="output">The folder.</param>
    /// <param name="finished">Whether a cell has finished.</param>
    public static async Task WriteAsync(string output, Func<string, ulong, bool>? finished = null)
    {
        var store = new CellSummaries(output);
        var plan = new ComparisonPlan
        {
            Name = "synthetic",
            Command = "axpo compare synthetic.json",
            Baseline = "base",
            Cells = [.. from seed in new[] { 1UL, 2UL } from name in new[] { "base", "better" } select new PlannedCell(name, name == "base" ? 0 : 1, name == "base" ? "grpo" : "axpo", [], seed, Hash(name, seed))],
        };
        await plan.WriteAsync(output, TestContext.Current.CancellationToken);
        foreach (var cell in plan.Cells.Where(c => finished?.Invoke(c.Name, c.Seed) ?? true))
        {
            await store.WriteAsync(Summary(cell), TestContext.Current.CancellationToken);
        }
    }

    public static CellSummary Summary(PlannedCell cell)
    {
        var isBetter = cell.Name == "better";
        return new CellSummary
        {
            Name = cell.Name,
            Seed = cell.Seed,
            Hash = cell.Hash,
            ModelSha256 = "00",
            Version = "0.0.0",
            Commit = "0123456789abcdef",
            Machine = new CellMachine("A processor", 2),
            Started = DateTimeOffset.UnixEpoch,
            Ended = DateTimeOffset.UnixEpoch,
            Seconds = 60,
            VoidEpisodes = isBetter ? new Dictionary<string, int>(StringComparer.Ordinal) { ["ToolDeadline"] = 1 } : [],
            VoidAttempts = isBetter ? 3 : 0,
            Configuration = new RunConfiguration { Seed = cell.Seed, Algorithm = cell.Algorithm },
            Questions = [.. Enumerable.Range(0, 4).Select(q => new HeldOutQuestion($"s{cell.Seed}/{q}", q % 2 == 0 ? "even" : "odd", "reasoning", q switch { 0 => 10, 2 => 2, _ => 1 }))],
            Steps = [.. Enumerable.Range(1, Steps).Select(step => new StepSummary
            {
                Step = step,
                RolloutTokens = 100,
                ContinuationTokens = isBetter ? 50 : 0,
                TrainingSeconds = isBetter ? 3 : 2,
                Accuracy = .5,
                ToolUse = .25,
                AllWrongBefore = .5,
                AllWrongAfter = isBetter ? .25 : .5,
                Prefixes = isBetter ? 4 : 0,
                Recovery = isBetter ? step / 4.0 : null,
                RecoveredGroups = isBetter ? step : 0,
            })],
            Evaluations = [.. from step in new[] { 0, 2, Steps }
                              from sampling in new[] { HeldOutSampling.Paper, HeldOutSampling.T1 }
                              let correct = isBetter ? 1 + (step / 2) : 1
                              select new EvaluationSummary
                              {
                                  Step = step,
                                  Sampling = sampling,
                                  Samples = 4,
                                  Live = Each(step == 2 ? 2 : 4, 4),
                                  Correct = Each(step == 2 ? 2 : 4, correct),
                                  Calls = Each(step == 2 ? 2 : 4, correct),
                                  CorrectCalls = Each(step == 2 ? 2 : 4, correct - 1),
                              }],
        };
    }

    private static int[] Each(int questions, int value) => [.. Enumerable.Repeat(value, questions)];

    private static string Hash(string name, ulong seed) => Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(System.Text.Encoding.UTF8.GetBytes($"{name}{seed}")));
}
