namespace Axpo.Training.Memory;

/// <summary>Memory that one thing takes.</summary>
/// <param name="What">What it is.</param>
/// <param name="Bytes">Bytes.</param>
public sealed record MemoryItem(string What, long Bytes);

/// <summary>The most that a run takes of one device.</summary>
/// <param name="Device">The device: <c>cpu</c>, or as <c>learner.device</c> names it.</param>
/// <param name="Moment">When, as it follows "while it".</param>
/// <param name="Items">What takes it; nothing of 0 bytes.</param>
public sealed record MemoryEstimate(string Device, string Moment, IReadOnlyList<MemoryItem> Items)
{
    /// <summary>Bytes of everything.</summary>
    public long Bytes => Items.Sum(i => i.Bytes);
}
