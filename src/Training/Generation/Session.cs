namespace Axpo.Training.Generation;

/// <summary>
/// Tokens that the engine knows, and as much of their KV as it holds: a session, or the common prompt of a group. Without any KV (evicted) it is a ghost, whose next request computes it
/// again. Owned by the engine's thread.
/// </summary>
internal sealed class Session(string id, string? group)
{
    public string Id { get; } = id;

    public string? Group { get; } = group;

    /// <summary>Whether it is a group's prompt.</summary>
    public bool IsPrompt { get; init; }

    /// <summary>All its tokens, as keys (<see cref="Axpo.Training.Pictures.PictureKeys"/>): one that stands for a picture says which. The last sampled one is not computed until it is needed.</summary>
    public List<int> Tokens { get; } = [];

    /// <summary>The pictures among its tokens.</summary>
    public SessionPictures Pictures { get; } = new();

    /// <summary>Which weights computed the tokens whose KV and hidden state stand in the pages.</summary>
    public KvVersions Kv { get; } = new();

    /// <summary>Tokens whose KV and hidden state stand in the pages.</summary>
    public int Computed => Kv.Count;

    /// <summary>Tokens whose KV and hidden state do not stand there yet.</summary>
    public int Uncomputed => Tokens.Count - Computed;

    /// <summary>Tokens that were computed at some time, evicted or not: computing them is computing them again.</summary>
    public int Known { get => Math.Max(field, Computed); set; }

    /// <summary>Pages; those before the last are full, and a page that others hold too is never written.</summary>
    public List<KvPage> Pages { get; } = [];

    /// <summary>The generation that is running on it; null: idle.</summary>
    public Sequence? Running { get; set; }

    /// <summary>The fork that computes this ghost's prefix and will give it back.</summary>
    public Sequence? RestoredBy { get; set; }

    /// <summary>Place in the order of eviction, or of the ghosts, while idle.</summary>
    public LinkedListNode<Session>? Place { get; set; }

    /// <summary>Whether the id equals, or lies below, a prefix.</summary>
    public bool Below(string prefix) => Below(IsPrompt ? Group! : Id, prefix);

    public static bool Below(string id, string prefix) =>
        id.StartsWith(prefix, StringComparison.Ordinal) && (id.Length == prefix.Length || prefix.EndsWith('/') || id[prefix.Length] == '/');
}
