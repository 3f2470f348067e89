using System.Globalization;
using Axpo.Core;
using Axpo.Silo.Configuration;
using Axpo.Silo.Hosting;
using Shouldly;
using Xunit;

namespace Axpo.Silo.Tests.Configuration;

public sealed class RunConfigurationLoaderTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Nothing_given_is_the_default_and_the_default_is_valid()
    {
        var loaded = RunConfigurationLoader.Load(new ConfigurationSources());
        loaded.Given.ShouldBeEmpty();
        loaded.Configuration.Tasks.Suites.ShouldBe(new Dictionary<string, double> { ["mental-arithmetic"] = 1 });
        loaded.Configuration.ShouldBe(new RunConfiguration { Tasks = loaded.Configuration.Tasks });
    }

    [Fact]
    public void Command_line_wins_over_environment_wins_over_file_wins_over_defaults()
    {
        var loaded = RunConfigurationLoader.Load(new ConfigurationSources
        {
            Defaults = AlgorithmPresets.Apply("grpo", new RunConfiguration()),
            File = Json("""{ "steps": 5, "seed": 7, "rollouts": { "questions": 2, "groupSize": 3, "temperature": 0.5 } }"""),
            Environment = Variables(("AXPO__Rollouts__Questions", "4"), ("AXPO__ROLLOUTS__GROUPSIZE", "6"), ("AXPO_LIBTORCH", "/x"), ("PATH", "/bin")),
            Sets = Sets("rollouts.groupSize=9", "rollouts.groupSize=10"),
        });
        var c = loaded.Configuration;
        (c.Algorithm, c.Steps, c.Seed, c.Rollouts.Questions, c.Rollouts.GroupSize, c.Rollouts.Temperature, c.Rollouts.Attempts).ShouldBe(("grpo", 5, 7UL, 4, 10, .5, 3));
        loaded.Given.ShouldBe(["steps", "seed", "rollouts.questions", "rollouts.groupSize", "rollouts.temperature"], ignoreOrder: true);
    }

    [Fact]
    public void Every_kind_of_value_is_read_from_text()
    {
        var c = Load("engine.deterministic=true", "seed=18446744073709551615", "learner.learningRate=1e-3", "resample.boundary=least-confident", "evaluation.split=validation", "model=a=b", "tasks.questions=").Configuration;
        (c.Engine.Deterministic, c.Seed, c.Learner.LearningRate, c.Resample.Boundary, c.Evaluation.Split, c.Model, c.Tasks.Questions)
            .ShouldBe((true, ulong.MaxValue, 1e-3, Boundary.LeastConfident, Split.Validation, "a=b", null));
    }

    [Fact]
    public void Every_kind_of_value_is_read_from_JSON_with_comments_and_trailing_commas_and_a_byte_order_mark()
    {
        var c = RunConfigurationLoader.Load(new ConfigurationSources
        {
            File = Json("\uFEFF" + """
            {
              // what is asked
              "tasks": { "suites": { "fact": 1, "fact-chain": 0.5, }, "horizonMax": 3, "questions": null },
              "engine": { "deterministic": true }, /* and how */
              "resample": { "boundary": "last-before-failure" },
            }
            """),
        }).Configuration;
        c.Tasks.Suites.ShouldBe(new Dictionary<string, double> { ["fact"] = 1, ["fact-chain"] = .5 }, ignoreOrder: true);
        (c.Engine.Deterministic, c.Resample.Boundary, c.Tasks.HorizonMax).ShouldBe((true, Boundary.LastBeforeFailure, 3));
    }

    [Fact]
    public void A_source_that_names_a_suite_replaces_the_mixture_of_those_before()
    {
        var file = Json("""{ "tasks": { "suites": { "fact": 1, "arithmetic": 1 } } }""");
        Suites(file, [], []).ShouldBe(["arithmetic=1", "fact=1"]);
        Suites(file, [("AXPO__Tasks__Suites__fact-chain", "2"), ("AXPO__Tasks__Suites__fact", "3")], []).ShouldBe(["fact-chain=2", "fact=3"]);
        Suites(file, [("AXPO__Tasks__Suites", """{"fact":4}""")], []).ShouldBe(["fact=4"]);
        Suites(file, [("AXPO__Tasks__Suites__fact", "3")], ["tasks.suites.arithmetic=5", "tasks.suites.fact=6"]).ShouldBe(["arithmetic=5", "fact=6"]);
        Suites(null, [], ["tasks.suites.arithmetic=5", """tasks.suites={"fact":7}"""]).ShouldBe(["fact=7"]);

        static string[] Suites(string? file, (string, string)[] variables, string[] sets) =>
        [
            .. RunConfigurationLoader.Load(new ConfigurationSources
            {
                File = file,
                Environment = Variables(variables),
                Sets = Sets(sets),
            }).Configuration.Tasks.Suites.Select(s => string.Create(CultureInfo.InvariantCulture, $"{s.Key}={s.Value}")).Order(StringComparer.Ordinal),
        ];
    }

    [Theory]
    [InlineData("rollouts.groupSiez=8", "rollouts.groupSiez: '8': unknown key; did you mean 'groupSize'? there are ROLLOUTS (from --set)")]
    [InlineData("rolouts.groupSize=8", "rolouts: '8': unknown key; did you mean 'rollouts'? there are ROOT (from --set)")]
    [InlineData("groupSize=8", "groupSize: '8': unknown key; did you mean 'rollouts.groupSize'? there are ROOT (from --set)")]
    [InlineData("Steps=8", "Steps: '8': unknown key; did you mean 'steps'? there are ROOT (from --set)")]
    [InlineData("rollouts=8", "rollouts: '8': is a section; set one of its keys, ROLLOUTS, for example rollouts.questions=16 (from --set)")]
    [InlineData("steps.x=8", "steps.x: '8': steps is a value and has no keys of its own (from --set)")]
    [InlineData("steps=eight", "steps: 'eight': expected a whole number from 0 to 1000000 (from --set)")]
    [InlineData("steps=8.5", "steps: '8.5': expected a whole number from 0 to 1000000 (from --set)")]
    [InlineData("steps=-1", "steps: '-1': expected a whole number from 0 to 1000000 (from --set)")]
    [InlineData("seed=-1", "seed: '-1': expected a whole number from 0 to 18446744073709551615 (from --set)")]
    [InlineData("rollouts.temperature=0", "rollouts.temperature: '0': expected a number from 0.01 to 10 (from --set)")]
    [InlineData("rollouts.temperature=NaN", "rollouts.temperature: 'NaN': expected a number from 0.01 to 10 (from --set)")]
    [InlineData("engine.deterministic=yes", "engine.deterministic: 'yes': expected true or false (from --set)")]
    [InlineData("resample.boundary=frist", "resample.boundary: 'frist': unknown; did you mean 'first'? there are BOUNDARIES (from --set)")]
    [InlineData("algorithm=axpoo", "algorithm: 'axpoo': unknown; did you mean 'axpo'? there are ALGORITHMS (from --set)")]
    [InlineData("objective.denominator=valit", "objective.denominator: 'valit': unknown; did you mean 'valid'? there are nominal, valid (from --set)")]
    [InlineData("objective.advantage=grop", "objective.advantage: 'grop': unknown; did you mean 'grpo'? there are ADVANTAGES (from --set)")]
    [InlineData("objective.loss=pppo", "objective.loss: 'pppo': unknown; did you mean 'ppo'? there are cispo, dro, gspo, policy-gradient, ppo, sapo (from --set)")]
    [InlineData("conventions=verll", "conventions: 'verll': unknown; did you mean 'verl'? there are axpo, trl, verl (from --set)")]
    [InlineData("tasks.horizonMin=13", "tasks.horizonMin: '13': expected a whole number from 0 to 12 (from --set)")]
    [InlineData("rollouts.groupSize=1", "rollouts.groupSize: '1': a group of one has no spread, so objective.advantage=grpo teaches nothing; make it at least 2, or set objective.singleton=reward, or objective.advantage=reinforce++ (from --set)")]
    [InlineData("tools.python.pipeline.retires=1", "tools.python.pipeline.retires: '1': unknown key; did you mean 'retries'? there are breakerFailureRatio, concurrency, deadlineSeconds, retries (from --set)")]
    [InlineData("tools.python.pipeline.retries=-1", "tools.python.pipeline.retries: '-1': expected a whole number from 0 to 100 (from --set)")]
    [InlineData("tools=1", "tools: '1': is a section; set one of its keys, python, webSearch, for example tools.python.sandbox=auto (from --set)")]
    [InlineData("tools.python.sandbox=docker", "tools.python.sandbox: 'docker': must be auto, bubblewrap or util-linux (from --set)")]
    [InlineData("model=", "model: must not be empty (from --set)")]
    [InlineData("tasks.suites=fact", "tasks.suites: 'fact': expected names with a number each: set tasks.suites.NAME=NUMBER, or a JSON object (from --set)")]
    [InlineData("tasks.suites.fact=much", "tasks.suites.fact: 'much': expected a number (from --set)")]
    [InlineData("tasks.suites.fact=0", "tasks.suites: 'fact: 0': no suite has a share above 0; set at least one, for example tasks.suites.mental-arithmetic=1 (from --set)")]
    [InlineData("tasks.suites.fact-chian=1", "tasks.suites: 'fact-chian: 1': there is no suite 'fact-chian'; did you mean 'fact-chain'? there are fact, fact-chain, mental-arithmetic (from --set)")]
    [InlineData("steps", "--set: 'steps': expected path=value, for example rollouts.groupSize=8")]
    [InlineData("=8", "--set: '=8': expected path=value, for example rollouts.groupSize=8")]
    public void What_is_wrong_on_the_command_line_is_said_with_the_remedy(string set, string message) => Problems(new ConfigurationSources
    {
        Sets = Sets(set),
        Suites = ["fact", "fact-chain", "mental-arithmetic"],
    }).ShouldBe([Whole(message)]);

    [Theory]
    [InlineData("""{ "rollouts": { "groupSize": "8" } }""", """rollouts.groupSize: '"8"': expected a whole number from 1 to 1024 (from FILE)""")]
    [InlineData("""{ "rollouts": { "groupSize": 8.5 } }""", "rollouts.groupSize: '8.5': expected a whole number from 1 to 1024 (from FILE)")]
    [InlineData("""{ "rollouts": 8 }""", "rollouts: '8': expected an object with any of ROLLOUTS (from FILE)")]
    [InlineData("""{ "model": null }""", "model: 'null': expected text (from FILE)")]
    [InlineData("""{ "steps": 1, "steps": 2 }""", "steps: '2': stands twice; keep one (from FILE)")]
    [InlineData("""{ "tasks": { "suites": { "fact": 1, "fact": 2 } } }""", """tasks.suites: '{ "fact": 1, "fact": 2 }': 'fact' stands twice; keep one (from FILE)""")]
    [InlineData("""{ "tasks": { "suites": { "fact": "1" } } }""", """tasks.suites: '{ "fact": "1" }': 'fact' is "1"; expected a number (from FILE)""")]
    [InlineData("""{ "tasks": { "suites": ["fact"] } }""", """tasks.suites: '["fact"]': expected a JSON object of names with a number each (from FILE)""")]
    [InlineData("""{ "tasks": { "suites": { "fact": 1 }, "questions": "a.jsonl" } }""", "tasks.questions: 'a.jsonl': is set beside tasks.suites; set one of them (from FILE)")]
    [InlineData("[]", """--config: 'FILE': expected a JSON object, for example { "steps": 60 }""")]
    [InlineData("{\n \"steps\": }", "--config: 'FILE': is no JSON: line 2, byte 11: '}' is an invalid start of a value.")]
    public void What_is_wrong_in_the_file_is_said_with_the_remedy(string json, string message)
    {
        var file = Json(json);
        Problems(new ConfigurationSources { File = file }).ShouldBe([Whole(message).Replace("FILE", file, StringComparison.Ordinal)]);
    }

    [Fact]
    public void A_file_that_cannot_be_read_is_named()
    {
        var missing = Path.Combine(_folder.Path, "none.json");
        Problems(new ConfigurationSources { File = missing }).ShouldBe([$"--config: '{missing}': there is no such file"]);
        Problems(new ConfigurationSources { File = _folder.Path }).ShouldBe([$"--config: '{_folder.Path}': is a folder; name a JSON file"]);
    }

    [Fact]
    public void What_is_wrong_in_the_environment_names_the_variable() =>
        Problems(new ConfigurationSources { Environment = Variables(("AXPO__Rollouts__GroupSiez", "8"), ("AXPO__Steps", "x")) }).ShouldBe([
            Whole("Rollouts.GroupSiez: '8': unknown key; did you mean 'groupSize'? there are ROLLOUTS (from AXPO__Rollouts__GroupSiez)"),
            "steps: 'x': expected a whole number from 0 to 1000000 (from AXPO__Steps)"], ignoreOrder: true);

    [Fact]
    public void All_problems_come_at_once_and_none_is_of_the_environment()
    {
        var thrown = Should.Throw<PreflightException>(() => Load("steps=x", "objective.ddof=2", "tasks.horizonMin=13", "tasks.horizonMax=1", "algorithm=none", "nonsense=1"));
        thrown.Problems.Select(p => p.Field).ShouldBe(["steps", "nonsense", "tasks.horizonMin", "objective.ddof", "algorithm", "tasks.horizonMin"]);
        thrown.Problems.ShouldAllBe(p => !p.IsEnvironment);
    }

    [Fact]
    public void Every_key_can_be_set_to_its_default()
    {
        var defaults = new RunConfiguration();
        ConfigurationKey.Values.Select(k => k.Path).ShouldContain("tools.webSearch.pipeline.deadlineSeconds");
        foreach (var key in ConfigurationKey.Values.Where(k => !k.IsMap))
        {
            Load($"{key.Path}={ConfigurationKey.Text(key.ValueIn(defaults))}").Given.ShouldBe([key.Path]);
        }
    }

    /// <summary>A message with the names that stand in a list in full.</summary>
    private static string Whole(string message)
    {
        foreach (var (mark, names) in new[]
        {
            ("ROLLOUTS", ConfigurationKey.Root.First(k => k.Name == "rollouts").Children.Select(k => k.Name)),
            ("ROOT", ConfigurationKey.Root.Select(k => k.Name)),
            ("BOUNDARIES", ConfigurationKey.Names(typeof(Boundary))),
            ("ALGORITHMS", AlgorithmPresets.Names),
            ("ADVANTAGES", AdvantageEstimators.Names),
        })
        {
            message = message.Replace(mark, string.Join(", ", names.Order(StringComparer.Ordinal)), StringComparison.Ordinal);
        }

        return message;
    }

    private static LoadedConfiguration Load(params string[] sets) => RunConfigurationLoader.Load(new ConfigurationSources { Sets = Sets(sets) });

    private static string[] Problems(ConfigurationSources sources) => [.. Should.Throw<PreflightException>(() => RunConfigurationLoader.Load(sources)).Problems.Select(p => p.ToString())];

    private static (string, string)[] Sets(params string[] sets) => [.. sets.Select(s => ("--set", s))];

    private static Dictionary<string, string> Variables(params (string Name, string Value)[] variables) => variables.ToDictionary(v => v.Name, v => v.Value, StringComparer.Ordinal);

    private string Json(string text)
    {
        var path = Path.Combine(_folder.Path, "run.json");
        File.WriteAllText(path, text);
        return path;
    }
}
