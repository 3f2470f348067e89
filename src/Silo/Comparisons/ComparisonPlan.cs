using System.Text.Json;
using System.Text.Json.Serialization;
using Axpo.Silo.Storage;

namespace Axpo.Silo.Comparisons;

/// <summary>What a comparison consists of, as its results name it: written beside the summaries as <c>comparison.json</c>, so that results can be rendered from that folder alone.</summary>
public sealed record ComparisonPlan
{
    /// <summary>Name of the file in the output folder.</summary>
    public const string FileName = "comparison.json";

    /// <summary>Name of the comparison.</summary>
    public required string Name { get; init; }

    /// <summary>The command that makes it.</summary>
    public required string Command { get; init; }

    /// <summary>Name of the cells that the others are compared with.</summary>
    public required string Baseline { get; init; }

    /// <summary>The matrix, in the order in which it is run: all cells of a seed before the next seed.</summary>
    public required IReadOnlyList<PlannedCell> Cells { get; init; }

    /// <summary>Names of the algorithms compared, in the order of the tables.</summary>
    [JsonIgnore]
    public IReadOnlyList<string> Names => [.. Cells.OrderBy(c => c.Column).Select(c => c.Name).Distinct(StringComparer.Ordinal)];

    /// <summary>Reads it.</summary>
    /// <exception cref="FileNotFoundException">There is none: nothing of the comparison has been run.</exception>
    public static async Task<ComparisonPlan> ReadAsync(string output, CancellationToken cancellationToken)
    {
        var path = Path.Combine(output, FileName);
        return File.Exists(path)
            ? JsonSerializer.Deserialize<ComparisonPlan>(await File.ReadAllBytesAsync(path, cancellationToken), AxpoJson.Pretty) ?? throw new InvalidDataException($"{path} is empty")
            : throw new FileNotFoundException($"output: there is no {FileName} in {output}: nothing of this comparison has been run; leave out --render");
    }

    /// <summary>Writes it, whole or not at all.</summary>
    public async Task WriteAsync(string output, CancellationToken cancellationToken) =>
        await AtomicFile.WriteAsync(Path.Combine(output, FileName), (byte[])[.. JsonSerializer.SerializeToUtf8Bytes(this, AxpoJson.Pretty), (byte)'\n'], cancellationToken);
}

/// <summary>An algorithm with a seed.</summary>
/// <param name="Name">Name of the algorithm in the tables.</param>
/// <param name="Column">Its place among the algorithms, from 0.</param>
/// <param name="Algorithm">Its preset.</param>
/// <param name="Changes">What is set beyond preset and base.</param>
/// <param name="Seed">The seed.</param>
/// <param name="Hash">Hash of the configuration (<see cref="ConfigurationHash"/>): a cell whose summary has it is not run again.</param>
public sealed record PlannedCell(string Name, int Column, string Algorithm, IReadOnlyList<string> Changes, ulong Seed, string Hash);
