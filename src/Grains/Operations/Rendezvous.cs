namespace Axpo.Grains.Operations;

/// <summary>Rendezvous (highest random weight) hashing, Thaler and Ravishankar 1998: when an engine goes, only its own groups move.</summary>
internal static class Rendezvous
{
    /// <summary>The engine of a group; null: there is none.</summary>
    public static string? TryPick(IReadOnlyList<string> engines, string group)
    {
        var best = engines.Count == 0 ? null : engines[0];
        var weight = ulong.MinValue;
        foreach (var engine in engines)
        {
            var w = ChanceKey.Root(0).With(group).With(engine).Lo;
            if (w > weight || (w == weight && string.CompareOrdinal(engine, best) < 0))
            {
                (best, weight) = (engine, w);
            }
        }

        return best;
    }
}
