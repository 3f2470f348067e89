using System.Globalization;
using System.Text;
using System.Text.Json;
using Axpo.Silo.Storage;

namespace Axpo.Silo.Comparisons;

/// <summary>The finished cells of a comparison: <c>cells/NAME-seedN-HASH.json</c> in its output folder.</summary>
public sealed class CellSummaries(string output)
{
    private const int HashCharacters = 12;

    private string Folder => Path.Combine(output, "cells");

    /// <summary>The summary of a cell by the hash of its configuration, whatever the cell was called; null if it has not finished.</summary>
    /// <exception cref="InvalidDataException">The file is damaged.</exception>
    public async Task<CellSummary?> FindAsync(PlannedCell cell, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(cell);
        var files = Directory.Exists(Folder) ? Directory.EnumerateFiles(Folder, $"*-{cell.Hash[..HashCharacters]}.json").Order(StringComparer.Ordinal).ToArray() : [];
        foreach (var file in files)
        {
            var summary = await ReadAsync(file, cancellationToken);
            if (summary.Hash == cell.Hash)
            {
                return summary;
            }
        }

        return null;
    }

    /// <summary>Stores the summary of a cell, whole or not at all.</summary>
    /// <returns>Path of the file.</returns>
    public async Task<string> WriteAsync(CellSummary summary, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(summary);
        var path = Path.Combine(Folder, string.Create(CultureInfo.InvariantCulture, $"{summary.Name}-seed{summary.Seed}-{summary.Hash[..HashCharacters]}.json"));
        await AtomicFile.WriteAsync(path, Encoding.UTF8.GetBytes(LinedJson.Write(summary)), cancellationToken);
        return path;
    }

    private static async Task<CellSummary> ReadAsync(string file, CancellationToken cancellationToken)
    {
        try
        {
            return JsonSerializer.Deserialize<CellSummary>(await File.ReadAllBytesAsync(file, cancellationToken), AxpoJson.Line) ?? throw new InvalidDataException($"{file} is empty");
        }
        catch (JsonException e)
        {
            throw new InvalidDataException($"{file} is no summary of a cell ({e.Message}); remove it, and the cell is run again", e);
        }
    }
}
