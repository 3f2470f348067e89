using System.Collections;
using System.ComponentModel.DataAnnotations;
using System.Globalization;
using System.Text.Json;
using Axpo.Silo.Hosting;

namespace Axpo.Silo.Configuration;

/// <summary>Where a run's configuration comes from; later ones win.</summary>
public sealed record ConfigurationSources
{
    /// <summary>Prefix of the environment variables: <c>AXPO__Rollouts__GroupSize=8</c>; case does not matter in them.</summary>
    public const string Prefix = "AXPO__";

    /// <summary>What holds where no source says otherwise.</summary>
    public RunConfiguration Defaults { get; init; } = new();

    /// <summary>A JSON file; null for none. Comments and trailing commas are allowed, a key that stands twice is not.</summary>
    public string? File { get; init; }

    /// <summary>Environment variables; those without <see cref="Prefix"/> are ignored.</summary>
    public IReadOnlyDictionary<string, string> Environment { get; init; } = new Dictionary<string, string>(StringComparer.Ordinal);

    /// <summary>Assignments <c>path=value</c> of the command line, with the option that made each (<c>--set</c>, <c>--steps</c>).</summary>
    public IReadOnlyList<(string Option, string Assignment)> Sets { get; init; } = [];

    /// <summary>Names of the suites; null: not checked.</summary>
    public IReadOnlyCollection<string>? Suites { get; init; }

    /// <summary>Whether the configuration is to be trained: an evaluation needs no objective that works.</summary>
    public bool IsTraining { get; init; } = true;

    /// <summary>The environment variables of this process that begin with <see cref="Prefix"/>.</summary>
    public static IReadOnlyDictionary<string, string> OfProcess() => System.Environment.GetEnvironmentVariables().Cast<DictionaryEntry>()
        .Where(e => ((string)e.Key).StartsWith(Prefix, StringComparison.OrdinalIgnoreCase))
        .ToDictionary(e => (string)e.Key, e => (string?)e.Value ?? "", StringComparer.Ordinal);
}

/// <summary>A configuration with the keys that somebody set.</summary>
/// <param name="Configuration">The whole configuration, checked.</param>
/// <param name="Given">Paths of the values that a source set, for example <c>tasks.suites</c>; the rest are defaults, or values of the algorithm and the conventions.</param>
/// <param name="Warnings">What does not do what was asked for, but keeps nothing from starting.</param>
public sealed record LoadedConfiguration(RunConfiguration Configuration, IReadOnlySet<string> Given, IReadOnlyList<Problem> Warnings);

/// <summary>
/// Reads a run's configuration: the values of its algorithm and conventions, then one JSON file, then the environment, then <c>--set</c>. A source that names any suite replaces the whole mixture of the
/// sources before it. Every problem is found before anything starts, and all are told at once.
/// </summary>
public static class RunConfigurationLoader
{
    private const StringComparison Exact = StringComparison.Ordinal;

    /// <summary>Reads and checks.</summary>
    /// <exception cref="PreflightException">Something is wrong; each problem names its key, value and what would be right.</exception>
    public static LoadedConfiguration Load(ConfigurationSources sources)
    {
        var problems = new List<Problem>();
        var given = new Dictionary<string, Given>(StringComparer.Ordinal);
        if (sources.File is { } file)
        {
            ReadFile(file, given, problems);
        }

        var environment = new SortedDictionary<string, string>(sources.Environment.Where(e => e.Key.StartsWith(ConfigurationSources.Prefix, StringComparison.OrdinalIgnoreCase)).ToDictionary(), StringComparer.Ordinal);
        ReadAssignments(environment.Select(e => (e.Key, e.Key[ConfigurationSources.Prefix.Length..].Split("__"), e.Value)), "the environment", StringComparison.OrdinalIgnoreCase, given, problems);
        var sets = new List<(string Source, string[] Path, string Value)>();
        foreach (var (option, assignment) in sources.Sets)
        {
            var equals = assignment.IndexOf('=', Exact);
            if (equals <= 0)
            {
                problems.Add(new Problem(option, assignment, "expected path=value, for example rollouts.groupSize=8"));
            }
            else
            {
                sets.Add((option, assignment[..equals].Trim().Split('.'), assignment[(equals + 1)..].Trim()));
            }
        }

        ReadAssignments(sets, "the command line", Exact, given, problems);
        var configuration = ConfigurationKey.With(Preset(sources.Defaults, given), given.ToDictionary(g => g.Key, g => g.Value.Value, StringComparer.Ordinal));
        CheckValues(configuration, given, problems);
        var warnings = new List<Problem>();
        RunConfigurationRules.Check(configuration, given.Keys, sources.Suites, (path, remedy) => problems.Add(Problem(path, remedy)));
        if (sources.IsTraining)
        {
            ObjectiveRules.Check(configuration, given.Keys, (path, remedy) => problems.Add(Problem(path, remedy)), (path, remedy) => warnings.Add(Problem(path, remedy)));
        }

        return problems.Count == 0 ? new LoadedConfiguration(configuration, given.Keys.ToHashSet(StringComparer.Ordinal), warnings) : throw new PreflightException(problems);

        Problem Problem(string path, string remedy) => new(path, ConfigurationKey.Text(ConfigurationKey.Values.First(k => k.Path == path).ValueIn(configuration)), remedy + Origin(given, path));
    }

    private static string Origin(Dictionary<string, Given> given, string path) => given.TryGetValue(path, out var value) ? $" (from {value.Source})" : "";

    /// <summary>The defaults with the values of algorithm and conventions in them. Unknown names are left to the rules.</summary>
    private static RunConfiguration Preset(RunConfiguration defaults, Dictionary<string, Given> given)
    {
        foreach (var (path, preset, presets) in new[] { ("algorithm", defaults.Algorithm, AlgorithmPresets.All), ("conventions", defaults.Conventions, ConventionPresets.All) })
        {
            var name = given.TryGetValue(path, out var named) ? named.Value as string : preset;
            defaults = presets.FirstOrDefault(p => p.Name == name)?.ApplyTo(defaults) ?? defaults;
        }

        return defaults;
    }

    private static void CheckValues(RunConfiguration configuration, Dictionary<string, Given> given, List<Problem> problems)
    {
        foreach (var key in ConfigurationKey.Values)
        {
            var value = key.ValueIn(configuration);
            if (key.Checks.FirstOrDefault(c => !c.IsValid(value)) is { } check)
            {
                problems.Add(new Problem(key.Path, ConfigurationKey.Text(value), (check is RangeAttribute ? $"expected a {key.Expected}" : check.FormatErrorMessage(key.Path)) + Origin(given, key.Path)));
            }
        }
    }

    private static void ReadFile(string file, Dictionary<string, Given> given, List<Problem> problems)
    {
        byte[] content;
        try
        {
            content = File.ReadAllBytes(file);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            problems.Add(new Problem("--config", file, Directory.Exists(file) ? "is a folder; name a JSON file" : e is FileNotFoundException or DirectoryNotFoundException ? "there is no such file" : $"cannot be read: {e.Message}"));
            return;
        }

        try
        {
            var bytes = content.AsMemory(content.AsSpan().StartsWith("\uFEFF"u8) ? 3 : 0);
            using var json = JsonDocument.Parse(bytes, new JsonDocumentOptions
            {
                AllowTrailingCommas = true,
                CommentHandling = JsonCommentHandling.Skip,
            });
            if (json.RootElement.ValueKind != JsonValueKind.Object)
            {
                problems.Add(new Problem("--config", file, "expected a JSON object, for example { \"steps\": 60 }"));
                return;
            }

            ReadSection(json.RootElement, ConfigurationKey.Root, "", file, given, problems);
        }
        catch (JsonException e)
        {
            problems.Add(new Problem("--config", file, string.Create(CultureInfo.InvariantCulture, $"is no JSON: line {e.LineNumber + 1}, byte {e.BytePositionInLine + 1}: {FirstSentence(e.Message)}")));
        }
    }

    private static string FirstSentence(string message)
    {
        var end = message.IndexOf(" LineNumber:", Exact);
        return end < 0 ? message : message[..end];
    }

    private static void ReadSection(JsonElement section, IReadOnlyList<ConfigurationKey> keys, string prefix, string file, Dictionary<string, Given> given, List<Problem> problems)
    {
        var seen = new HashSet<string>(StringComparer.Ordinal);
        foreach (var property in section.EnumerateObject())
        {
            var path = prefix + property.Name;
            if (!seen.Add(property.Name))
            {
                problems.Add(new Problem(path, property.Value.GetRawText(), $"stands twice; keep one (from {file})"));
                continue;
            }

            var key = keys.FirstOrDefault(k => k.Name == property.Name);
            if (key is null)
            {
                problems.Add(Unknown(path, property.Name, property.Value.GetRawText(), keys, file));
            }
            else if (!key.IsSection)
            {
                Give(key, ConfigurationValue.Read(key, property.Value), property.Value.GetRawText(), file, given, problems);
            }
            else if (property.Value.ValueKind == JsonValueKind.Object)
            {
                ReadSection(property.Value, key.Children, path + ".", file, given, problems);
            }
            else
            {
                problems.Add(new Problem(path, property.Value.GetRawText(), $"expected an object with any of {Names(key.Children)} (from {file})"));
            }
        }
    }

    private static void ReadAssignments(IEnumerable<(string Source, string[] Path, string Value)> assignments, string layer, StringComparison comparison, Dictionary<string, Given> given, List<Problem> problems)
    {
        foreach (var (source, path, value) in assignments)
        {
            var keys = ConfigurationKey.Root;
            for (var i = 0; ; i++)
            {
                var at = string.Join('.', path[..(i + 1)]);
                var key = keys.FirstOrDefault(k => string.Equals(k.Name, path[i], comparison));
                if (key is null)
                {
                    problems.Add(Unknown(at, path[i], value, keys, source));
                }
                else if (key.IsMap && i == path.Length - 2)
                {
                    // One entry: it joins those of the same layer and replaces those of the layers before.
                    var entry = ConfigurationValue.Parse(typeof(double), value);
                    if (entry is null)
                    {
                        problems.Add(new Problem($"{key.Path}.{path[i + 1]}", value, $"expected a number (from {source})"));
                        break;
                    }

                    var map = given.TryGetValue(key.Path, out var before) && before.Layer == layer ? (Dictionary<string, double>)before.Value! : new Dictionary<string, double>(StringComparer.Ordinal);
                    map[path[i + 1]] = (double)entry;
                    given[key.Path] = new Given(map, source, layer);
                }
                else if (i < path.Length - 1)
                {
                    if (key.IsSection)
                    {
                        keys = key.Children;
                        continue;
                    }

                    problems.Add(new Problem(string.Join('.', path), value, $"{key.Path} is a value and has no keys of its own (from {source})"));
                }
                else if (key.IsSection)
                {
                    problems.Add(new Problem(key.Path, value, $"is a section; set one of its keys, {Names(key.Children)}, for example {Example(key)} (from {source})"));
                }
                else
                {
                    Give(key, ConfigurationValue.Read(key, value), value, source, given, problems, layer);
                }

                break;
            }
        }
    }

    private static void Give(ConfigurationKey key, ConfigurationValue read, string text, string source, Dictionary<string, Given> given, List<Problem> problems, string? layer = null)
    {
        if (read.Problem is { } problem)
        {
            problems.Add(new Problem(key.Path, text, $"{problem} (from {source})"));
        }
        else
        {
            given[key.Path] = new Given(read.Value, source, layer ?? source);
        }
    }

    private static Problem Unknown(string path, string name, string value, IReadOnlyList<ConfigurationKey> keys, string source)
    {
        // The right name at the wrong level is likelier than a typing mistake.
        var elsewhere = ConfigurationKey.Values.FirstOrDefault(k => k.Name.Equals(name, StringComparison.OrdinalIgnoreCase) && !keys.Contains(k));
        var hint = elsewhere is not null && !keys.Any(k => k.Name.Equals(name, StringComparison.OrdinalIgnoreCase))
            ? $"; did you mean '{elsewhere.Path}'? there are {Names(keys)}"
            : NearestName.Hint(name, [.. keys.Select(k => k.Name)]);
        return new Problem(path, value, $"unknown key{hint} (from {source})");
    }

    private static string Example(ConfigurationKey section)
    {
        var key = ConfigurationKey.Values.First(k => k.Path.StartsWith(section.Path + ".", Exact));
        return $"{key.Path}={ConfigurationKey.Text(key.ValueIn(new RunConfiguration()))}";
    }

    private static string Names(IReadOnlyList<ConfigurationKey> keys) => string.Join(", ", keys.Select(k => k.Name).Order(StringComparer.Ordinal));

    private sealed record Given(object? Value, string Source, string Layer);
}
