namespace Axpo.Training.Memory;

/// <summary>What is held where at one moment of a run.</summary>
/// <param name="name">The moment, as it follows "while it".</param>
internal sealed class MemoryMoment(string name)
{
    private readonly List<(string Device, MemoryItem Item)> _items = [];

    /// <summary>Devices on which something is held.</summary>
    public IEnumerable<string> Devices => _items.Select(i => i.Device);

    /// <summary>Holds something; nothing where it is of 0 bytes.</summary>
    public void Add(string device, string what, long bytes)
    {
        if (bytes > 0)
        {
            _items.Add((device, new MemoryItem(what, bytes)));
        }
    }

    /// <summary>What is held on a device.</summary>
    public MemoryEstimate On(string device) => new(device, name, [.. _items.Where(i => i.Device == device).Select(i => i.Item)]);
}
