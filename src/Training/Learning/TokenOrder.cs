namespace Axpo.Training.Learning;

/// <summary>Sequences in the order of their tokens: those that begin alike stand together, and each has its longest common prefix with a neighbour.</summary>
internal sealed class TokenOrder : IComparer<int[]>
{
    /// <summary>The only one.</summary>
    public static TokenOrder Instance { get; } = new();

    /// <summary>First tokens that two sequences have in common.</summary>
    public static int CommonPrefix(int[] a, int[] b) => a.AsSpan().CommonPrefixLength(b);

    /// <inheritdoc/>
    public int Compare(int[]? x, int[]? y) => x.AsSpan().SequenceCompareTo(y);
}
