using Axpo.Silo.Comparisons;
using Axpo.Silo.Hosting;
using Shouldly;
using Xunit;

namespace Axpo.Silo.Tests.Comparisons;

public sealed class ComparisonFileReaderTests : IDisposable
{
    private const string Good = """
        {
          // Comments and trailing commas are allowed.
          "name": "study1", "output": "out", "baseline": "grpo", "seeds": [1, 2],
          "base": { "steps": 7, "rollouts": { "questions": 4 }, "tasks.suites": { "fact": 2 } },
          "budget": { "generatedTokens": 5000 },
          "cells": [
            { "algorithm": "grpo" },
            { "algorithm": "axpo" },
            { "name": "axpo-mean", "algorithm": "axpo", "set": { "resample": { "prefixCredit": "mean" }, "steps": 9 }, "seeds": [3] },
          ]
        }
        """;

    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Entries_have_their_preset_the_base_the_budget_and_what_they_set_themselves()
    {
        var file = Read(Good);
        (file.Name, file.Output, file.Baseline).ShouldBe(("study1", "out", "grpo"));
        file.Entries.Select(e => e.Name).ShouldBe(["grpo", "axpo", "axpo-mean"]);
        file.Entries.Select(e => e.Configuration.Algorithm).ShouldBe(["grpo", "axpo", "axpo"]);
        file.Entries.Select(e => e.Configuration.Resample.Enabled).ShouldBe([false, true, true]);
        file.Entries.Select(e => e.Configuration.Steps).ShouldBe([7, 7, 9]);
        file.Entries.ShouldAllBe(e => e.Configuration.Rollouts.Questions == 4 && e.Configuration.TokenBudget == 5000 && e.Configuration.Tasks.Suites.Single().Key == "fact");
        file.Entries[0].Seeds.ShouldBe([1UL, 2UL]);
        file.Entries[2].Seeds.ShouldBe([3UL]);
        file.Entries[2].Configuration.Resample.PrefixCredit.ShouldBe(Core.PrefixCredit.Mean);
        file.Entries[2].Changes.ShouldBe(["resample.prefixCredit=mean", "steps=9"]);
    }

    [Theory]
    [InlineData("\"name\": \"study1\"", "\"name\": \"a b\"", "name: 'a b': expected 1 to 40 letters, digits, '-', '_' or '.'")]
    [InlineData("\"name\": \"study1\",", "", "name: is missing; expected a text, for example \"study1\"")]
    [InlineData("\"output\": \"out\",", "", "output: is missing; expected a text")]
    [InlineData("\"baseline\": \"grpo\"", "\"baseline\": \"grpp\"", "baseline: 'grpp': is no name of a cell; did you mean 'grpo'?")]
    [InlineData("\"seeds\": [1, 2]", "\"seeds\": [1, 1]", "seeds: '1': expected different whole numbers from 0, for example [1, 2, 3]")]
    [InlineData("\"seeds\": [1, 2]", "\"seeds\": []", "seeds: '[]': expected a list of whole numbers")]
    [InlineData("\"seeds\": [1, 2]", "\"sedes\": [1, 2]", "sedes: '[1, 2]': unknown key; did you mean 'seeds'?")]
    [InlineData("\"generatedTokens\": 5000", "\"generatedTokens\": 0", "budget.generatedTokens: '0': expected a whole number above 0")]
    [InlineData("\"steps\": 7", "\"stpes\": 7", "stpes: '7': unknown key; did you mean 'steps'?")]
    [InlineData("\"steps\": 7", "\"seed\": 7", "base.seed: '7': seeds stand in seeds")]
    [InlineData("\"steps\": 7", "\"algorithm\": \"axpo\"", "base.algorithm: '\"axpo\"': each cell names its own algorithm")]
    [InlineData("\"algorithm\": \"grpo\"", "\"algorithm\": \"grpp\"", "algorithm: 'grpp': unknown; did you mean 'grpo'?")]
    [InlineData("\"prefixCredit\": \"mean\"", "\"prefixCredit\": \"men\"", "resample.prefixCredit: 'men': unknown")]
    [InlineData("\"steps\": 9", "\"evaluation\": { \"samples\": 2 }", "cells[2].set: 'evaluation.samples=2': must be the same in every cell, or their held-out questions could not be paired; set it in base")]
    [InlineData("\"name\": \"axpo-mean\"", "\"name\": \"axpo\"", "cells[2].name: 'axpo': stands twice; give each cell a name of its own")]
    public void What_is_wrong_is_named_with_file_key_value_and_remedy(string right, string wrong, string message)
    {
        Good.ShouldContain(right);
        var problems = Should.Throw<PreflightException>(() => Read(Good.Replace(right, wrong, StringComparison.Ordinal))).Problems;
        problems.Select(p => p.ToString()).ShouldContain(p => p.Contains(message, StringComparison.Ordinal), string.Join(Environment.NewLine, problems));
        problems.ShouldAllBe(p => p.Remedy.Contains("file.json", StringComparison.Ordinal));
    }

    [Fact]
    public void What_is_wrong_with_the_base_is_told_once() =>
        Should.Throw<PreflightException>(() => Read(Good.Replace("\"steps\": 7", "\"steps\": -1", StringComparison.Ordinal))).Problems.ShouldHaveSingleItem().Remedy.ShouldContain("(from base) in ");

    [Fact]
    public void A_file_that_cannot_be_read_is_named()
    {
        Should.Throw<PreflightException>(() => ComparisonFileReader.Read(Path.Combine(_folder.Path, "none.json"))).Message.ShouldEndWith("there is no such file");
        Should.Throw<PreflightException>(() => ComparisonFileReader.Read(_folder.Path)).Message.ShouldEndWith("is a folder; name a JSON file");
        Should.Throw<PreflightException>(() => Read("{ \"name\": }")).Message.ShouldContain("is no JSON: line 1, byte ");
        Should.Throw<PreflightException>(() => Read("[]")).Message.ShouldContain("expected a JSON object");
    }

    private ComparisonFile Read(string text)
    {
        var path = Path.Combine(_folder.Path, "file.json");
        File.WriteAllText(path, text);
        return ComparisonFileReader.Read(path);
    }
}
