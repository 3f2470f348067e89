using System.Reflection;
using Axpo.Core;
using Shouldly;
using Xunit;

namespace Axpo.Silo.Tests.EndToEnd;

/// <summary>Every preset trains the shipped policy on the real loop: two steps with every column of their metrics rows filled.</summary>
[Collection(EndToEndCollection.Name)]
public sealed class EveryPresetTests
{
    /// <summary>Columns that a step without the denominator of a rate leaves empty.</summary>
    private static readonly string[] _rates =
    [
        nameof(RolloutMetrics.AccuracyTool), nameof(RolloutMetrics.AccuracyNoTool), nameof(RolloutMetrics.AllWrongToolBefore), nameof(RolloutMetrics.AllWrongToolAfter),
        nameof(RolloutMetrics.AllWrongNoTool), nameof(RolloutMetrics.AllWrongNoToolAfter), nameof(RolloutMetrics.Recovery), nameof(RolloutMetrics.ExtraTokensPerRecovery),
    ];

    private static readonly RunConfiguration _small = WholeRun.Tiny with
    {
        Rollouts = WholeRun.Tiny.Rollouts with { Questions = 4, GroupSize = 4 },
        Engine = new EngineOptions { MaxBatch = 16 },
        Evaluation = new EvaluationOptions { Every = 0, FinalQuestions = 1, Samples = 1 },
    };

    public static TheoryData<string, string> Presets =>
    [
        .. AlgorithmPresets.Names.Select(n => (n, "axpo")),
        .. ConventionPresets.Names.Except(["axpo"]).SelectMany(c => new[] { ("axpo", c), ("grpo", c) }),
    ];

    [Theory]
    [MemberData(nameof(Presets))]
    public async Task Trains(string algorithm, string conventions)
    {
        var configuration = ConventionPresets.Get(conventions).ApplyTo(AlgorithmPresets.Apply(algorithm, _small));
        var isOfChains = configuration.Curriculum.StepsPerCall > 0;
        var run = await WholeRun.RunAsync(isOfChains ? configuration with { Tasks = new TaskOptions { Suites = new(StringComparer.Ordinal) { ["mental-arithmetic"] = 3, ["fact-chain"] = 1 } }, Curriculum = new CurriculumOptions { StepsPerCall = 1 } } : configuration);
        run.Rows.Select(r => r.Step).ShouldBe([0, 1, 2]);
        foreach (var row in run.Rows.Skip(1))
        {
            Filled(row.Train!);
            Filled(row.Update!);
            Filled(row.Timing!);
            row.Train!.VoidShare.ShouldBe(0);
            row.Update!.LossTokens.ShouldBePositive();
            row.Update.GradientNorm.ShouldBePositive("the batch taught something");
        }

        run.Files.Where(f => f.Key.EndsWith("model.safetensors", StringComparison.Ordinal)).Select(f => f.Value).ShouldBeUnique();
    }

    private static void Filled(object row)
    {
        foreach (var property in row.GetType().GetProperties(BindingFlags.Public | BindingFlags.Instance))
        {
            var value = property.GetValue(row);
            if (!_rates.Contains(property.Name))
            {
                value.ShouldNotBeNull(property.Name);
            }

            if (value is double number)
            {
                double.IsFinite(number).ShouldBeTrue($"{property.Name} is {number}");
            }
        }
    }
}
