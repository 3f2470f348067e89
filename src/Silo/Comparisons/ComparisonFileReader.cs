using System.Globalization;
using System.Text.Json;
using Axpo.Silo.Configuration;
using Axpo.Silo.Hosting;
using Axpo.Silo.Storage;

namespace Axpo.Silo.Comparisons;

/// <summary>
/// Reads the file of a comparison. Configurations go through <see cref="RunConfigurationLoader"/>, entry by entry; the environment's variables are left out, so that the file says everything.
/// Every problem is found before anything starts, and all are told at once.
/// </summary>
public static class ComparisonFileReader
{
    private static readonly string[] _keys = ["name", "output", "base", "baseline", "seeds", "cells", "budget"];
    private static readonly string[] _cellKeys = ["name", "algorithm", "set", "seeds"];
    private static readonly string[] _budgetKeys = ["generatedTokens"];

    /// <summary>What must be the same everywhere: the held-out questions and how they are asked.</summary>
    private static readonly string[] _common = ["tasks.", "evaluation."];

    /// <summary>Longest name of a comparison or an entry: both stand in the names of runs.</summary>
    private const int MaxNameLength = 40;

    /// <summary>Reads and checks.</summary>
    /// <exception cref="PreflightException">Something is wrong; each problem names file and key, value and what would be right.</exception>
    public static ComparisonFile Read(string path)
    {
        var problems = new List<Problem>();
        using var json = Parse(path, problems);
        var file = json is null ? null : new Reading(path, problems).Read(json.RootElement);
        return file is not null && problems.Count == 0 ? file : throw new PreflightException(problems);
    }

    private static JsonDocument? Parse(string path, List<Problem> problems)
    {
        try
        {
            return JsonDocument.Parse(File.ReadAllBytes(path), new JsonDocumentOptions { AllowTrailingCommas = true, CommentHandling = JsonCommentHandling.Skip });
        }
        catch (JsonException e)
        {
            problems.Add(new Problem("FILE", path, string.Create(CultureInfo.InvariantCulture, $"is no JSON: line {e.LineNumber + 1}, byte {e.BytePositionInLine + 1}")));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            problems.Add(new Problem("FILE", path, Directory.Exists(path) ? "is a folder; name a JSON file" : e is FileNotFoundException or DirectoryNotFoundException ? "there is no such file" : $"cannot be read: {e.Message}"));
        }

        return null;
    }

    private sealed class Reading(string path, List<Problem> problems)
    {
        private readonly HashSet<string> _warnings = new(StringComparer.Ordinal);

        /// <summary>Names of all cells, those with a mistake in them included.</summary>
        private readonly HashSet<string> _names = new(StringComparer.Ordinal);

        public ComparisonFile? Read(JsonElement root)
        {
            if (root.ValueKind != JsonValueKind.Object)
            {
                Add("FILE", root, "expected a JSON object with name, output, baseline, seeds and cells");
                return null;
            }

            var parts = Parts(root, "", _keys);
            var name = NameOf(parts.GetValueOrDefault("name"), "name", "study1");
            var output = Text(parts.GetValueOrDefault("output"), "output", "docs/results/study1");
            var seeds = Seeds(parts.GetValueOrDefault("seeds"), "seeds");
            var common = Assignments(parts.GetValueOrDefault("base"), "base", ["seed", "algorithm"]);
            if (Budget(parts.GetValueOrDefault("budget")) is { } budget)
            {
                common.Add(("budget", string.Create(CultureInfo.InvariantCulture, $"tokenBudget={budget}")));
            }

            var entries = Entries(parts.GetValueOrDefault("cells"), seeds, common);
            var baseline = Text(parts.GetValueOrDefault("baseline"), "baseline", "grpo");
            if (baseline is not null && _names.Count > 0 && !_names.Contains(baseline))
            {
                Add("baseline", baseline, "is no name of a cell" + NearestName.Hint(baseline, _names));
            }

            return name is null || output is null || baseline is null ? null : new ComparisonFile
            {
                Path = path,
                Name = name,
                Output = output,
                Baseline = baseline,
                Entries = entries,
                Warnings = [.. _warnings],
            };
        }

        private List<ComparisonEntry> Entries(JsonElement cells, IReadOnlyList<ulong> seeds, IReadOnlyList<(string, string)> common)
        {
            if (cells.ValueKind != JsonValueKind.Array || cells.GetArrayLength() < 2)
            {
                Add("cells", cells, """expected a list of at least two objects, for example [{ "algorithm": "grpo" }, { "algorithm": "axpo" }]""");
                return [];
            }

            var entries = new List<ComparisonEntry>();
            foreach (var (i, cell) in cells.EnumerateArray().Index())
            {
                var at = string.Create(CultureInfo.InvariantCulture, $"cells[{i}]");
                if (cell.ValueKind != JsonValueKind.Object)
                {
                    Add(at, cell, """expected an object, for example { "algorithm": "axpo" }""");
                }
                else if (Entry(cell, at, seeds, common) is { } entry)
                {
                    entries.Add(entry);
                }
            }

            return entries;
        }

        private ComparisonEntry? Entry(JsonElement cell, string at, IReadOnlyList<ulong> seeds, IReadOnlyList<(string, string)> common)
        {
            var parts = Parts(cell, at + ".", _cellKeys);
            var algorithm = Text(parts.GetValueOrDefault("algorithm"), $"{at}.algorithm", "axpo");
            var name = parts.TryGetValue("name", out var given) ? NameOf(given, $"{at}.name", "axpo") : algorithm is null ? null : NameOf(algorithm, $"{at}.name", "axpo");
            if (name is not null && !_names.Add(name))
            {
                Add($"{at}.name", name, "stands twice; give each cell a name of its own");
            }

            var own = parts.TryGetValue("seeds", out var some) ? Seeds(some, $"{at}.seeds") : seeds;
            var changes = Assignments(parts.GetValueOrDefault("set"), $"{at}.set", ["seed", "algorithm"]);
            foreach (var (_, change) in changes.Where(c => _common.Any(p => c.Assignment.StartsWith(p, StringComparison.Ordinal))))
            {
                Add($"{at}.set", change, "must be the same in every cell, or their held-out questions could not be paired; set it in base");
            }

            if (algorithm is null || name is null || own.Count == 0)
            {
                return null;
            }

            try
            {
                var loaded = RunConfigurationLoader.Load(new ConfigurationSources { Sets = [.. common, ($"{at}.algorithm", $"algorithm={algorithm}"), .. changes] });
                _warnings.UnionWith(loaded.Warnings.Select(w => $"{name}: {w}"));
                return new ComparisonEntry(name, [.. changes.Select(c => c.Assignment)], own, loaded.Configuration with { Seed = own[0] });
            }
            catch (PreflightException e)
            {
                // What is wrong with the base is wrong in every cell, and is told once.
                var isCommon = (Problem p) => p.Remedy.EndsWith("(from base)", StringComparison.Ordinal) || p.Remedy.EndsWith("(from budget)", StringComparison.Ordinal);
                problems.AddRange(e.Problems.Select(p => isCommon(p) ? p : p with { Remedy = $"{p.Remedy} (cell '{name}')" }).Select(p => p with { Remedy = $"{p.Remedy} in {path}" }).Where(p => !problems.Contains(p)));
                return null;
            }
        }

        /// <summary>The keys of an object, unknown and repeated ones refused.</summary>
        private Dictionary<string, JsonElement> Parts(JsonElement section, string prefix, string[] known)
        {
            var parts = new Dictionary<string, JsonElement>(StringComparer.Ordinal);
            foreach (var property in section.EnumerateObject())
            {
                if (!known.Contains(property.Name))
                {
                    Add(prefix + property.Name, property.Value, "unknown key" + NearestName.Hint(property.Name, known));
                }
                else if (!parts.TryAdd(property.Name, property.Value))
                {
                    Add(prefix + property.Name, property.Value, "stands twice; keep one");
                }
            }

            return parts;
        }

        /// <summary>A configuration, nested or with dots in its keys, as assignments.</summary>
        private List<(string Option, string Assignment)> Assignments(JsonElement section, string at, string[] refused)
        {
            var assignments = new List<(string, string)>();
            if (section.ValueKind == JsonValueKind.Object)
            {
                Walk(section, "");
            }
            else if (section.ValueKind != JsonValueKind.Undefined)
            {
                Add(at, section, """expected an object with keys of a run's configuration, for example { "steps": 60 }""");
            }

            return assignments;

            void Walk(JsonElement element, string prefix)
            {
                var seen = new HashSet<string>(StringComparer.Ordinal);
                foreach (var property in element.EnumerateObject())
                {
                    var key = prefix + property.Name;
                    var isMap = ConfigurationKey.Values.FirstOrDefault(k => k.Path == key) is { IsMap: true };
                    if (!seen.Add(property.Name))
                    {
                        Add($"{at}.{key}", property.Value, "stands twice; keep one");
                    }
                    else if (refused.Contains(key))
                    {
                        Add($"{at}.{key}", property.Value, key == "seed" ? "seeds stand in seeds" : "each cell names its own algorithm");
                    }
                    else if (property.Value.ValueKind == JsonValueKind.Object && !isMap)
                    {
                        Walk(property.Value, key + ".");
                    }
                    else
                    {
                        assignments.Add((at, $"{key}={(property.Value.ValueKind == JsonValueKind.String ? property.Value.GetString() : property.Value.ValueKind == JsonValueKind.Null ? "" : property.Value.GetRawText())}"));
                    }
                }
            }
        }

        private long? Budget(JsonElement budget)
        {
            if (budget.ValueKind == JsonValueKind.Undefined)
            {
                return null;
            }

            if (budget.ValueKind != JsonValueKind.Object)
            {
                Add("budget", budget, """expected an object, for example { "generatedTokens": 200000 }""");
                return null;
            }

            var tokens = Parts(budget, "budget.", _budgetKeys).GetValueOrDefault("generatedTokens");
            if (tokens.ValueKind == JsonValueKind.Number && tokens.TryGetInt64(out var count) && count > 0)
            {
                return count;
            }

            Add("budget.generatedTokens", tokens, "expected a whole number above 0, for example 200000");
            return null;
        }

        private IReadOnlyList<ulong> Seeds(JsonElement seeds, string at)
        {
            var read = new List<ulong>();
            if (seeds.ValueKind == JsonValueKind.Array)
            {
                foreach (var seed in seeds.EnumerateArray())
                {
                    if (seed.ValueKind == JsonValueKind.Number && seed.TryGetUInt64(out var value) && !read.Contains(value))
                    {
                        read.Add(value);
                    }
                    else
                    {
                        Add(at, seed, "expected different whole numbers from 0, for example [1, 2, 3]");
                    }
                }
            }

            if (read.Count == 0)
            {
                Add(at, seeds, "expected a list of whole numbers, for example [1, 2, 3]");
            }

            return read;
        }

        private string? NameOf(JsonElement element, string at, string example) => Text(element, at, example) is { } name ? NameOf(name, at, example) : null;

        private string? NameOf(string name, string at, string example)
        {
            try
            {
                RunFolders.CheckName(name);
                if (name.Length <= MaxNameLength)
                {
                    return name;
                }
            }
            catch (ArgumentException)
            {
                // Said below.
            }

            Add(at, name, string.Create(CultureInfo.InvariantCulture, $"expected 1 to {MaxNameLength} letters, digits, '-', '_' or '.', not starting with a dot, for example {example}"));
            return null;
        }

        private string? Text(JsonElement element, string at, string example)
        {
            if (element.ValueKind == JsonValueKind.String && element.GetString() is { Length: > 0 } text)
            {
                return text;
            }

            Add(at, element, $"expected a text, for example \"{example}\"");
            return null;
        }

        private void Add(string at, JsonElement value, string remedy) => Add(at, value.ValueKind == JsonValueKind.Undefined ? "" : value.GetRawText(), value.ValueKind == JsonValueKind.Undefined ? $"is missing; {remedy}" : remedy);

        private void Add(string at, string value, string remedy) => problems.Add(new Problem(at, value, $"{remedy} (in {path})"));
    }
}
