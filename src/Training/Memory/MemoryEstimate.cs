namespace Axpo.Training.Memory;

/// <summary>Memory that one thing takes.</summary>
/// <param name="What">What it is.</param>
/// <param name="Bytes">Bytes.</param>
public sealed record MemoryItem(string What, long Bytes);

/// <summary>What a run holds at once on one device at the moment when that is most.</summary>
/// <param name="Device">The device: <c>cpu</c>, or as <c>learner.device</c> names it.</param>
/// <param name="Moment">The moment, as it follows "while it".</param>
/// <param name="Items">What is held, the same things in the same order whatever the moment; nothing of 0 bytes.</param>
public sealed record MemoryEstimate(string Device, string Moment, IReadOnlyList<MemoryItem> Items)
{
    /// <summary>Bytes of everything.</summary>
    public long Bytes => Items.Sum(i => i.Bytes);
}
