namespace Axpo.Training.Generation;

/// <summary>Tokens whose KV the engine holds: a session, or the common prompt of a group. Owned by the engine's thread.</summary>
internal sealed class Session(string id, string? group, int epoch)
{
    public string Id { get; } = id;

    public string? Group { get; } = group;

    /// <summary>Weights (counted by the engine) under which its first token was computed.</summary>
    public int Epoch { get; } = epoch;

    /// <summary>Whether it is a group's prompt.</summary>
    public bool IsPrompt { get; init; }

    /// <summary>All its tokens; the last sampled one is not computed until it is needed.</summary>
    public List<int> Tokens { get; } = [];

    /// <summary>Tokens whose KV and hidden state stand in the pages.</summary>
    public int Computed { get; set; }

    /// <summary>Pages; those before the last are full, and a page that others hold too is never written.</summary>
    public List<KvPage> Pages { get; } = [];

    /// <summary>The generation that is running on it; null: idle.</summary>
    public Sequence? Running { get; set; }

    /// <summary>Place in the order of eviction while idle.</summary>
    public LinkedListNode<Session>? Idle { get; set; }

    /// <summary>Whether the id equals, or lies below, a prefix.</summary>
    public bool Below(string prefix) => Below(IsPrompt ? Group! : Id, prefix);

    public static bool Below(string id, string prefix) =>
        id.StartsWith(prefix, StringComparison.Ordinal) && (id.Length == prefix.Length || prefix.EndsWith('/') || id[prefix.Length] == '/');
}
