namespace Axpo.Training.Models;

/// <summary>Where a sequence stands in a pack.</summary>
/// <param name="Rows">Row of each token.</param>
/// <param name="Shared">First tokens whose rows are those of the sequence packed before it.</param>
internal sealed record SequencePath(int[] Rows, int Shared)
{
    /// <summary>Sequences that follow each other and share nothing.</summary>
    /// <param name="lengths">Their lengths.</param>
    public static SequencePath[] EndToEnd(IEnumerable<int> lengths)
    {
        var at = 0;
        return [.. lengths.Select(length => new SequencePath([.. Enumerable.Range((at += length) - length, length)], 0))];
    }
}
