namespace Axpo.Training.Generation;

/// <summary>The bytes behind the pages of a <see cref="KvPool"/>: the whole budget, set aside at the start.</summary>
internal unsafe interface IKvMemory : IDisposable
{
    /// <summary>Pages of the budget, numbered from 0.</summary>
    int Pages { get; }

    /// <summary>Where a page begins; null in memory that this process cannot read.</summary>
    float* Address(int page);

    /// <summary>Copies a page's content over another's.</summary>
    void Copy(int from, int to);

    /// <summary>The content of these pages is not needed any more; what the system takes back costs nothing until it is used again.</summary>
    /// <param name="pages">Ascending.</param>
    void Discard(ReadOnlySpan<int> pages);
}
