using System.Globalization;
using Axpo.Silo.Comparisons;
using Axpo.Silo.Hosting;
using Axpo.Silo.Runs;
using Axpo.Silo.Storage;

namespace Axpo.Client.Running;

/// <summary>A cell of a comparison as it stands now.</summary>
/// <param name="Cell">The cell.</param>
/// <param name="Configuration">Its whole configuration, of full paths.</param>
/// <param name="Run">Name of its run.</param>
internal sealed record ComparisonCell(PlannedCell Cell, RunConfiguration Configuration, string Run)
{
    /// <summary>Its summary; null while it has not finished.</summary>
    public CellSummary? Summary { get; init; }

    /// <summary>Its run; null if there is none.</summary>
    public RunOverview? Unfinished { get; init; }

    /// <summary>Where it stands, in a word.</summary>
    public string State => Summary is not null ? "done" : Unfinished is { } run ? Formats.Name(run.State) : "to-do";

    /// <summary>Where it stands, in words.</summary>
    public string About => Summary is null && Unfinished is { } run ? string.Create(CultureInfo.InvariantCulture, $"{State}, step {run.Step} of {Configuration.Steps}") : State;
}

/// <summary>Makes the cells of a comparison: configurations with their hashes, and what there is of each.</summary>
internal static class ComparisonCells
{
    private const int HashCharacters = 8;

    /// <summary>The plan of a comparison, with the configuration of each cell. All cells of a seed come before the next seed, so that what has finished can be compared.</summary>
    /// <exception cref="PreflightException">A cell could not start, or two are the same; nothing was written.</exception>
    public static async Task<(ComparisonPlan Plan, IReadOnlyList<ComparisonCell> Cells)> PlanAsync(CommandContext context, ComparisonFile file)
    {
        var problems = new List<Problem>();
        var hashes = new Dictionary<string, string>(StringComparer.Ordinal);
        var cells = new List<ComparisonCell>();
        foreach (var (column, entry) in file.Entries.Index())
        {
            var configuration = RunSettings.Resolve(entry.Configuration);
            var found = await Preflight.CheckAsync(configuration, context.Folders, null, null, PreflightHost.Of(Grains.Abstractions.RunKind.Train, isHere: true), context.Stop);
            problems.AddRange(found.Where(p => problems.All(o => o.Field != p.Field || o.Value != p.Value)));
            if (found.Count > 0)
            {
                continue;
            }

            var model = await HashAsync(configuration.Model, () => FileHashes.OfWeightsAsync(configuration.Model, context.Stop));
            var questions = configuration.Tasks.Questions is { } path ? await HashAsync(path, () => FileHashes.OfAsync([path], context.Stop)) : null;
            foreach (var seed in entry.Seeds)
            {
                var own = configuration with { Seed = seed };
                var hash = ConfigurationHash.Of(own, model, questions);
                if (cells.FirstOrDefault(c => c.Cell.Hash == hash) is { } same)
                {
                    problems.Add(new Problem("cells", entry.Name, $"does what cell '{same.Cell.Name}' does with the same seed; leave one out, or set something in it (in {file.Path})"));
                    break;
                }

                cells.Add(new ComparisonCell(
                    new PlannedCell(entry.Name, column, own.Algorithm, entry.Changes, seed, hash),
                    own,
                    string.Create(CultureInfo.InvariantCulture, $"{file.Name}-{entry.Name}-seed{seed}-{hash[..HashCharacters]}")));
            }
        }

        if (problems.Count > 0)
        {
            throw new PreflightException(problems);
        }

        // A seed's place is where it first stands in any cell's list.
        List<ulong> seeds = [.. file.Entries.SelectMany(e => e.Seeds).Distinct()];
        cells = [.. cells.OrderBy(c => seeds.IndexOf(c.Cell.Seed)).ThenBy(c => c.Cell.Column)];
        var plan = new ComparisonPlan
        {
            Name = file.Name,
            Command = $"axpo compare {(Path.IsPathRooted(file.Path) ? Path.GetFileName(file.Path) : file.Path)}",
            Baseline = file.Baseline,
            Cells = [.. cells.Select(c => c.Cell)],
        };
        return (plan, await FindAsync(context, file, cells));

        async Task<string> HashAsync(string path, Func<Task<string>> make) => hashes.TryGetValue(path, out var hash) ? hash : hashes[path] = await make();
    }

    private static async Task<IReadOnlyList<ComparisonCell>> FindAsync(CommandContext context, ComparisonFile file, IReadOnlyList<ComparisonCell> cells)
    {
        var (summaries, overviews) = (new CellSummaries(file.Output), new RunOverviews(context.Folders));
        var found = new List<ComparisonCell>();
        foreach (var cell in cells)
        {
            found.Add(cell with
            {
                Summary = await summaries.FindAsync(cell.Cell, context.Stop),
                Unfinished = File.Exists(context.Folders.Manifest(cell.Run)) ? await overviews.ReadAsync(cell.Run, context.Stop) : null,
            });
        }

        return found;
    }
}
