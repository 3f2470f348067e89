using System.Text.Json;
using Axpo.Core;
using Axpo.Silo.Comparisons;
using Shouldly;
using Xunit;

namespace Axpo.Client.Tests.EndToEnd;

/// <summary><c>axpo compare</c> as it is typed: killed twice, then to its end.</summary>
[Collection(EndToEndCollection.Name)]
public sealed class CompareTests : IDisposable
{
    /// <summary>Exit code of a process that was killed: 128 + SIGKILL.</summary>
    private const int Killed = 137;

    private readonly string _folder = Directory.CreateTempSubdirectory("axpo-compare-").FullName;

    private string Output => Path.Combine(_folder, "out");

    private string[] Cells => Directory.Exists(Path.Combine(Output, "cells")) ? [.. Directory.GetFiles(Path.Combine(Output, "cells")).Order(StringComparer.Ordinal)] : [];

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task A_killed_comparison_goes_on_with_the_cell_that_was_under_way_and_runs_none_again()
    {
        var file = Path.Combine(_folder, "tiny.json");
        await File.WriteAllTextAsync(
            file,
            $$"""
            {
              "name": "tiny", "output": "{{Output}}", "baseline": "grpo", "seeds": [1, 2], "cells": [{ "algorithm": "grpo" }, { "algorithm": "axpo" }],
              "base": {
                "steps": 2, "model": "models/axpo-tiny", "tasks": { "suites": { "fact-chain": 1 }, "horizonMin": 8, "horizonMax": 8 }, "rollouts": { "questions": 4, "groupSize": 4 },
                "evaluation": { "every": 1, "questions": 2, "finalQuestions": 3, "samples": 2 }
              }
            }
            """,
            TestContext.Current.CancellationToken);
        string[] compare = ["compare", file, "--runs", Path.Combine(_folder, "runs")];

        // Killed in the first cell, after its last step and before its last evaluation.
        using (var first = AxpoProcess.StartWithFault($"{FaultPoints.AfterRunCommit}#2", compare))
        {
            (await first.EndAsync()).ShouldBe(Killed, first.Error);
            first.Output.ShouldContain("cell 1 of 4: grpo, seed 1 (run tiny-grpo-seed1-");
            first.Output.ShouldContain("no estimate before the first cell has finished");
        }

        Cells.ShouldBeEmpty();

        // The first cell is resumed, not run again: what stands before the second one is its last row alone. Killed in the second.
        using (var second = AxpoProcess.Start(compare))
        {
            await second.LineAsync("cell 2 of 4: axpo, seed 1");
            second.Kill();
            (await second.EndAsync()).ShouldBe(Killed, second.Error);
            second.Output[..second.Output.IndexOf("cell 2 of 4", StringComparison.Ordinal)].ShouldContain("step 2/2");
        }

        var done = Cells.ShouldHaveSingleItem();
        Path.GetFileName(done).ShouldStartWith("grpo-seed1-");
        var (content, written) = (File.ReadAllText(done), File.GetLastWriteTimeUtc(done));

        using (var third = AxpoProcess.Start(compare))
        {
            (await third.EndAsync()).ShouldBe((int)ExitCode.Done, third.Error);
            third.Output.ShouldNotContain("cell 1 of 4");
            third.Output.ShouldContain("cell 2 of 4: axpo, seed 1");
            third.Output.ShouldContain("cell 4 of 4: axpo, seed 2");
            third.Output.ShouldContain(" left");
        }

        Cells.Select(c => Path.GetFileName(c).Split('-')[..2]).ShouldBe([["axpo", "seed1"], ["axpo", "seed2"], ["grpo", "seed1"], ["grpo", "seed2"]]);
        (File.ReadAllText(done), File.GetLastWriteTimeUtc(done)).ShouldBe((content, written), "a finished cell is kept as it is");
        Cells.ShouldAllBe(c => new FileInfo(c).Length < 100_000);
        Cells.ShouldAllBe(c => !File.ReadAllText(c).Contains(_folder, StringComparison.Ordinal), "no paths of this machine");
        Cells.ShouldAllBe(c => StepsAndStored(c).Steps == StepsAndStored(c).Stored, "every prefix that was trained on is in the summary");
        Cells.Sum(c => StepsAndStored(c).Stored).ShouldBeGreaterThan(0, "something was resampled");
        var rendered = Rendered();
        rendered.Keys.ShouldBe(["README.md", "index.html", "results.csv", "results.json"], ignoreOrder: true, "besides plots");
        rendered["README.md"].ShouldContain("| axpo | T .7 | pass@1 | ");
        rendered["README.md"].ShouldNotContain("Not finished yet");

        using var render = AxpoProcess.Start([.. compare, "--render"]);
        (await render.EndAsync()).ShouldBe((int)ExitCode.Done, render.Error);
        Rendered().ShouldBe(rendered);

        // All is done: the same command runs nothing.
        using var again = AxpoProcess.Start(compare);
        (await again.EndAsync()).ShouldBe((int)ExitCode.Done, again.Error);
        again.Output.ShouldNotContain("cell ");
        Rendered().ShouldBe(rendered);
    }

    /// <summary>Prefixes by the steps of a summary, and those that it holds one by one.</summary>
    private static (int Steps, int Stored) StepsAndStored(string cell)
    {
        using var json = JsonDocument.Parse(File.ReadAllText(cell));
        var steps = json.RootElement.GetProperty("steps").EnumerateArray().Sum(s => s.GetProperty("prefixes").GetInt32());
        return (steps, json.RootElement.TryGetProperty("prefixes", out var prefixes) ? prefixes.GetProperty("step").GetArrayLength() : 0);
    }

    private Dictionary<string, string> Rendered() => ComparisonRenderer.Rendered(Output).Where(f => !f.StartsWith("plots/", StringComparison.Ordinal))
        .ToDictionary(f => f, f => File.ReadAllText(Path.Combine(Output, f)), StringComparer.Ordinal);
}
