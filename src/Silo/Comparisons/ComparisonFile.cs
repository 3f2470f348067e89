namespace Axpo.Silo.Comparisons;

/// <summary>A comparison as its file asks for it: algorithms by seeds on the same held-out questions.</summary>
public sealed record ComparisonFile
{
    /// <summary>Path of the file, as it was named.</summary>
    public required string Path { get; init; }

    /// <summary>Name of the comparison; its runs' names begin with it.</summary>
    public required string Name { get; init; }

    /// <summary>Folder of summaries and results.</summary>
    public required string Output { get; init; }

    /// <summary>Name of the entry that the others are compared with.</summary>
    public required string Baseline { get; init; }

    /// <summary>What is compared, in the order of the tables.</summary>
    public required IReadOnlyList<ComparisonEntry> Entries { get; init; }

    /// <summary>What does not do what was asked for, but keeps nothing from starting.</summary>
    public IReadOnlyList<string> Warnings { get; init; } = [];
}

/// <summary>One algorithm of a comparison: a column of the matrix, with a cell for each seed.</summary>
/// <param name="Name">Its name in tables and names of runs.</param>
/// <param name="Changes">What it sets beyond algorithm and base, as <c>key=value</c>.</param>
/// <param name="Seeds">Seeds of its runs.</param>
/// <param name="Configuration">Its whole configuration; the seed is that of the first run.</param>
public sealed record ComparisonEntry(string Name, IReadOnlyList<string> Changes, IReadOnlyList<ulong> Seeds, RunConfiguration Configuration);
