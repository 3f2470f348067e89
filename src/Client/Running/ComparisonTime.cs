namespace Axpo.Client.Running;

/// <summary>How long a comparison still takes, from the cells that have finished.</summary>
internal static class ComparisonTime
{
    /// <summary>Seconds that a cell takes: the mean of the finished ones of the same algorithm, else of all; null before any has finished.</summary>
    public static double? Of(ComparisonCell cell, IReadOnlyList<ComparisonCell> cells)
    {
        double[] same = [.. cells.Where(c => c.Summary is not null && c.Cell.Name == cell.Cell.Name).Select(c => c.Summary!.Seconds)];
        double[] all = same.Length > 0 ? same : [.. cells.Where(c => c.Summary is not null).Select(c => c.Summary!.Seconds)];
        return all.Length == 0 ? null : all.Average();
    }

    /// <summary>Seconds of all cells that have not finished; null before any has.</summary>
    public static double? Left(IReadOnlyList<ComparisonCell> cells)
    {
        double?[] each = [.. cells.Where(c => c.Summary is null).Select(c => Of(c, cells))];
        return each.Any(s => s is null) ? null : each.Sum();
    }
}
