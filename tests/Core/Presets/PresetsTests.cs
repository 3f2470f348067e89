using Shouldly;
using Xunit;

namespace Axpo.Core.Tests.Presets;

public sealed class PresetsTests
{
    private static readonly string[] _asked =
    [
        "axpo", "grpo", "grpo-plus25", "grpo-2x", "dapo", "dr-grpo", "gspo", "cispo", "rloo", "reinforce++", "tool-bonus", "tool-penalty", "arpo", "tree-grpo",
        "axpo-no-prefix-fix", "axpo-resample-no-tool", "axpo-random-rank", "axpo-no-prefix-credit", "axpo-merged-group",
    ];

    public static TheoryData<Preset> All => [.. AlgorithmPresets.All, .. ConventionPresets.All];

    [Theory]
    [MemberData(nameof(All))]
    public void Every_value_has_a_key_its_type_its_range_and_a_source(Preset preset)
    {
        preset.Summary.ShouldNotBeEmpty();
        preset.Source.ShouldNotBeEmpty();
        preset.Values.Select(v => v.Path).ShouldBeUnique();
        foreach (var value in preset.Values)
        {
            var key = ConfigurationKey.Values.SingleOrDefault(k => k.Path == value.Path).ShouldNotBeNull($"{preset.Name}: {value.Path}");
            value.Value.ShouldBeOfType(key.Property.PropertyType, value.Path);
            key.Checks.ShouldAllBe(c => c.IsValid(value.Value));
            value.Source.ShouldNotBeEmpty();
            value.Path.ShouldNotBeOneOf("algorithm", "conventions", "seed", "model", "steps");
        }
    }

    [Fact]
    public void Names_are_unique_and_every_algorithm_that_the_field_compares_is_there()
    {
        AlgorithmPresets.Names.ShouldBeUnique();
        ConventionPresets.Names.ShouldBe(["axpo", "verl", "trl"]);
        _asked.ShouldBeSubsetOf(AlgorithmPresets.Names);
    }

    [Fact]
    public void A_preset_changes_what_it_names_and_nothing_else()
    {
        var before = new RunConfiguration { Steps = 7, Rollouts = new RolloutOptions { Questions = 3 } };
        var after = AlgorithmPresets.Apply("dr-grpo", before);
        after.ShouldBe(before with
        {
            Algorithm = "dr-grpo",
            Resample = before.Resample with { Enabled = false },
            Objective = before.Objective with { Advantage = "mean-only", Aggregation = LossAggregation.SeqMeanTokenSumNorm },
        });
        before.Objective.Advantage.ShouldBe("grpo");
    }

    [Theory]
    [InlineData("axpo-no-prefix-fix", "resample.start")]
    [InlineData("axpo-resample-no-tool", "resample.trigger")]
    [InlineData("axpo-random-rank", "resample.ranking")]
    [InlineData("axpo-no-prefix-credit", "resample.prefixCredit")]
    [InlineData("axpo-merged-group", "resample.statistics")]
    public void An_ablation_is_axpo_with_one_switch_thrown(string name, string path)
    {
        var value = AlgorithmPresets.Get(name).Values.ShouldHaveSingleItem();
        value.Path.ShouldBe(path);
        value.Value.ShouldNotBe(ConfigurationKey.Values.First(k => k.Path == path).ValueIn(new RunConfiguration()));
    }

    [Fact]
    public void Baselines_resample_nothing_and_keep_the_recipe_unless_their_definition_says_otherwise()
    {
        foreach (var preset in AlgorithmPresets.All.Where(p => !p.Name.StartsWith("axpo", StringComparison.Ordinal)))
        {
            var configuration = preset.ApplyTo(new RunConfiguration());
            configuration.Resample.Enabled.ShouldBeFalse(preset.Name);
            configuration.Rollouts.Temperature.ShouldBe(1);
            configuration.Objective.KlWeight.ShouldBe(preset.Name == "dapo" ? 0 : 1e-3, preset.Name);
        }
    }

    [Fact]
    public void An_unknown_name_says_which_was_meant()
    {
        Should.Throw<ArgumentException>(() => AlgorithmPresets.Get("drgrpo")).Message.ShouldContain("did you mean 'dr-grpo'?");
        Should.Throw<ArgumentException>(() => ConventionPresets.Get("verll")).Message.ShouldContain("did you mean 'verl'?");
        Should.Throw<KeyNotFoundException>(() => ConfigurationKey.With(new RunConfiguration(), new Dictionary<string, object?> { ["rollouts.n"] = 3 })).Message.ShouldContain("'rollouts.n'");
    }

    [Fact]
    public void Stated_sources_are_of_keys_that_exist() => DefaultSources.Keys.ShouldBeSubsetOf(ConfigurationKey.Values.Select(k => k.Path));
}
