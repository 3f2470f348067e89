using System.Text.RegularExpressions;
using Axpo.Core;
using Axpo.Training.Objectives;
using Shouldly;
using Xunit;

namespace Axpo.Silo.Tests.Configuration;

/// <summary>docs/objectives.md names everything that a run can choose, and only tests that exist.</summary>
public sealed partial class ObjectiveDocsTests
{
    private static string Root
    {
        get
        {
            var folder = new DirectoryInfo(AppContext.BaseDirectory);
            while (!File.Exists(Path.Combine(folder.FullName, "Axpo.sln")))
            {
                folder = folder.Parent ?? throw new DirectoryNotFoundException("Axpo.sln is nowhere above the tests");
            }

            return folder.FullName;
        }
    }

    private static string Page => File.ReadAllText(Path.Combine(Root, "docs", "objectives.md"));

    [Fact]
    public void Every_choice_is_described()
    {
        string[] names =
        [
            .. AdvantageEstimators.Names, .. PolicyLosses.Names, .. ConfigurationKey.Names(typeof(LossAggregation)), .. ConfigurationKey.Names(typeof(KlEstimator)),
            .. ConfigurationKey.Names(typeof(Boundary)), .. ConfigurationKey.Names(typeof(BranchingRule)),
            .. AlgorithmPresets.Names.Where(n => n.StartsWith("axpo-", StringComparison.Ordinal) || AlgorithmPresets.Get(n).Values.Any(v => v.Path == "branching.rule")),
        ];
        names.Where(n => !Page.Contains($"`{n}`", StringComparison.Ordinal)).ShouldBeEmpty();
    }

    [Fact]
    public void Every_key_of_the_objective_is_named() => ConfigurationKey.Values
        .Where(k => k.Path.StartsWith("objective.", StringComparison.Ordinal) || k.Path.StartsWith("rewards.", StringComparison.Ordinal) || k.Path.StartsWith("resample.", StringComparison.Ordinal) || k.Path.StartsWith("branching.", StringComparison.Ordinal))
        .Where(k => !Page.Contains(k.Name, StringComparison.Ordinal)).Select(k => k.Path).ShouldBeEmpty();

    [Fact]
    public void Every_key_of_the_curriculum_is_named() => ConfigurationKey.Values
        .Where(k => k.Path.StartsWith("curriculum.", StringComparison.Ordinal)).Where(k => !Page.Contains($"`{k.Path}`", StringComparison.Ordinal)).Select(k => k.Path).ShouldBeEmpty();

    [Fact]
    public void Every_file_that_pins_something_is_there() =>
        Files().Matches(Page).Select(m => m.Groups["path"].Value).Where(p => !Path.Exists(Path.Combine(Root, p))).ShouldBeEmpty();

    [GeneratedRegex("`(?<path>(tests|src)/[^`]+)`", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Files();
}
