namespace Axpo.Client.Tests.Commands;

public sealed class PresetsTests
{
    [Fact]
    public async Task Every_value_of_a_preset_is_shown_with_its_source()
    {
        using var axpo = new AxpoConsole();
        (await axpo.RunAsync("presets", "show", "dapo", "--conventions", "verl", "--json")).ShouldBe(ExitCode.Done);
        var values = axpo.Json().EnumerateArray().ToDictionary(v => v.GetProperty("key").GetString()!);
        values.Keys.ShouldBe(ConfigurationKey.Values.Select(k => k.Path).Except(["algorithm", "conventions"]), ignoreOrder: true);
        values.Values.ShouldAllBe(v => v.GetProperty("source").GetString()!.Length > 0);
        Of("objective.aggregation").ShouldBe(("token-mean", "dapo"));
        Of("objective.dualClip").ShouldBe(("3", "verl"));
        Of("rollouts.groupSize").ShouldBe(("8", null));

        (string?, string?) Of(string key) => (values[key].GetProperty("value").GetString(), values[key].TryGetProperty("preset", out var preset) ? preset.GetString() : null);
    }

    [Fact]
    public async Task People_read_the_presets_values_first()
    {
        using var axpo = new AxpoConsole();
        (await axpo.RunAsync("presets", "show", "gspo")).ShouldBe(ExitCode.Done);
        var lines = axpo.Screen.Split('\n');
        Array.FindIndex(lines, l => l.Contains("objective.clipLow", StringComparison.Ordinal)).ShouldBeLessThan(Array.FindIndex(lines, l => l.Contains("rollouts.groupSize", StringComparison.Ordinal)));
        lines.Single(l => l.Contains("objective.clipLow", StringComparison.Ordinal)).ShouldContain("0.0003");
    }

    [Fact]
    public async Task All_are_listed_and_an_unknown_one_is_refused_with_the_nearest_name()
    {
        using var axpo = new AxpoConsole();
        (await axpo.RunAsync("presets", "list")).ShouldBe(ExitCode.Done);
        AlgorithmPresets.Names.Concat(ConventionPresets.Names).ShouldAllBe(n => axpo.Screen.Contains(n, StringComparison.Ordinal));
        (await axpo.RunAsync("presets", "show", "dappo")).ShouldBe(ExitCode.BadInput);
        axpo.Error.ShouldContain("did you mean 'dapo'?");
    }
}
