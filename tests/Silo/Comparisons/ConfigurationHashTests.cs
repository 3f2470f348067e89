using Axpo.Core;
using Axpo.Silo.Comparisons;
using Shouldly;
using Xunit;

namespace Axpo.Silo.Tests.Comparisons;

public sealed class ConfigurationHashTests
{
    private static readonly RunConfiguration _configuration = new();

    [Fact]
    public void What_a_run_does_is_hashed_and_what_things_are_called_is_not()
    {
        var hash = ConfigurationHash.Of(_configuration, "weights", null);
        hash.Length.ShouldBe(64);
        ConfigurationHash.Of(_configuration with { Model = "elsewhere/axpo-tiny-gap", Algorithm = "other" }, "weights", null).ShouldBe(hash);
        ConfigurationHash.Of(_configuration with { Tasks = _configuration.Tasks with { Questions = "a.jsonl" } }, "weights", "q")
            .ShouldBe(ConfigurationHash.Of(_configuration with { Tasks = _configuration.Tasks with { Questions = "b.jsonl" } }, "weights", "q"));

        string[] others =
        [
            ConfigurationHash.Of(_configuration, "other weights", null),
            ConfigurationHash.Of(_configuration, "weights", "q"),
            ConfigurationHash.Of(_configuration with { Seed = 2 }, "weights", null),
            ConfigurationHash.Of(_configuration with { Resample = _configuration.Resample with { K = 5 } }, "weights", null),
        ];
        others.ShouldNotContain(hash);
        others.ShouldBeUnique();
    }

    [Fact]
    public void A_curriculum_counts_once_it_says_something()
    {
        // As it was before there were any: results that were stored then are still found.
        const string Before = "1a44df2bc3c965b5002573110d1e51e433c93ab24234ce983d9f23f11136c44e";
        ConfigurationHash.Of(_configuration, "weights", null).ShouldBe(Before);
        ConfigurationHash.Of(_configuration with { Curriculum = new CurriculumOptions { StepsPerCall = 10 } }, "weights", null).ShouldNotBe(Before);
    }

    [Fact]
    public void The_order_of_a_mixture_changes_nothing()
    {
        RunConfiguration Mix(params string[] suites) => _configuration with { Tasks = _configuration.Tasks with { Suites = suites.ToDictionary(s => s, _ => 1.0, StringComparer.Ordinal) } };
        ConfigurationHash.Of(Mix("fact", "calendar"), "w", null).ShouldBe(ConfigurationHash.Of(Mix("calendar", "fact"), "w", null));
    }
}
