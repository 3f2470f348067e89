using Axpo.Silo.Comparisons;

namespace Axpo.Client.Tests.Commands;

public sealed class CompareTests : IDisposable
{
    private readonly AxpoConsole _console = new();

    private string File => Path.Combine(_console.Folder, "study.json");

    private string Output => Path.Combine(_console.Folder, "out");

    public void Dispose() => _console.Dispose();

    [Fact]
    public async Task What_is_wrong_with_the_file_is_told_and_nothing_is_written()
    {
        Write("""{ "algorithm": "grpo" }, { "algorithm": "axpp" }""");
        (await _console.RunAsync("compare", File)).ShouldBe(ExitCode.BadInput);
        _console.Errors.ShouldContain(e => e.StartsWith("error: algorithm: 'axpp': unknown; did you mean 'axpo'?", StringComparison.Ordinal) && e.EndsWith($"in {File}", StringComparison.Ordinal));
        Directory.Exists(Output).ShouldBeFalse();
    }

    [Fact]
    public async Task A_cell_that_could_not_start_is_told_by_the_checks_of_axpo_train()
    {
        Write("""{ "algorithm": "grpo" }, { "algorithm": "axpo", "set": { "model": "models/none" } }""");
        (await _console.RunAsync("compare", File)).ShouldBe(ExitCode.BadInput);
        _console.Error.ShouldContain("models/none': there is no such folder");
        Directory.Exists(Output).ShouldBeFalse();
    }

    [Fact]
    public async Task Two_cells_that_do_the_same_are_refused()
    {
        Write("""{ "algorithm": "grpo" }, { "name": "other", "algorithm": "axpo", "set": { "resample.enabled": false } }""");
        (await _console.RunAsync("compare", File)).ShouldBe(ExitCode.BadInput);
        _console.Error.ShouldContain("cells: 'other': does what cell 'grpo' does with the same seed");
    }

    [Fact]
    public async Task A_dry_run_lists_the_cells_and_writes_nothing()
    {
        Write("""{ "algorithm": "grpo" }, { "algorithm": "axpo" }""");
        (await _console.RunAsync("compare", File, "--dry-run", "--json")).ShouldBe(ExitCode.Done, _console.Error);
        var json = _console.Json();
        json.GetProperty("cells").EnumerateArray().Select(c => $"{c.GetProperty("name")} {c.GetProperty("seed")} {c.GetProperty("state")}").ShouldBe(["grpo 1 to-do", "axpo 1 to-do", "grpo 2 to-do", "axpo 2 to-do"]);
        json.GetProperty("secondsLeft").ValueKind.ShouldBe(System.Text.Json.JsonValueKind.Null);
        (await _console.RunAsync("compare", File, "--dry-run")).ShouldBe(ExitCode.Done);
        _console.Screen.ShouldContain("4 of 4 cells to do, no estimate before the first one has finished.");
        Directory.Exists(Output).ShouldBeFalse();
        Directory.Exists(_console.Folders.Root).ShouldBeFalse();
    }

    [Fact]
    public async Task Rendering_what_was_never_run_is_bad_input()
    {
        Write("""{ "algorithm": "grpo" }, { "algorithm": "axpo" }""");
        (await _console.RunAsync("compare", File, "--render")).ShouldBe(ExitCode.BadInput);
        _console.Error.ShouldContain($"there is no {ComparisonPlan.FileName} in {Output}: nothing of this comparison has been run");
        (await _console.RunAsync("compare", File, "--render", "--dry-run")).ShouldBe(ExitCode.BadInput);
    }

    private void Write(string cells) => System.IO.File.WriteAllText(
        File,
        $$"""{ "name": "study", "output": "{{Output}}", "baseline": "grpo", "seeds": [1, 2], "base": { "model": "models/axpo-tiny", "tasks.suites": { "fact": 1 } }, "cells": [{{cells}}] }""");
}
