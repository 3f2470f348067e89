namespace Axpo.Training.Generation;

/// <summary>
/// Sessions, prompts of groups, and the pages that they hold. Pages are counted before they are taken: a sequence that was admitted never runs out.
/// Idle sessions are forgotten, the least recently used first, when pages are needed. Owned by the engine's thread.
/// </summary>
internal sealed class SessionTable(KvPool pool, EngineCounters counters)
{
    private readonly Dictionary<string, Session> _sessions = new(StringComparer.Ordinal);
    private readonly Dictionary<string, Session> _prompts = new(StringComparer.Ordinal);
    private readonly LinkedList<Session> _idle = new();
    private int _reserved;

    public int Count => _sessions.Count;

    /// <summary>Pages that may still be promised to somebody.</summary>
    public int Available => pool.Capacity - pool.InUse - _reserved;

    public Session? Find(string id) => _sessions.GetValueOrDefault(id);

    public Session? FindPrompt(string group) => _prompts.GetValueOrDefault(group);

    /// <summary>Evicts idle sessions until so many pages are available; false: that was not enough.</summary>
    /// <param name="pages">Pages needed.</param>
    /// <param name="keep">Sessions that must stay.</param>
    public bool MakeRoom(int pages, params ReadOnlySpan<Session?> keep)
    {
        var node = _idle.First;
        while (Available < pages && node is not null)
        {
            var session = node.Value;
            node = node.Next;
            if (!keep.Contains(session))
            {
                counters.Evictions++;
                Drop(session);
            }
        }

        return Available >= pages;
    }

    public void Reserve(Sequence sequence, int pages)
    {
        sequence.Reserved += pages;
        _reserved += pages;
    }

    /// <summary>A new session that starts with the first tokens of another: full pages are shared, the rest of a page is copied.</summary>
    /// <param name="session">The new session, empty.</param>
    /// <param name="source">Where the tokens are computed.</param>
    /// <param name="tokens">How many.</param>
    /// <param name="sequence">Whose reservation pays for the copied page.</param>
    public void Share(Session session, Session source, int tokens, Sequence sequence)
    {
        var full = tokens / KvLayout.PageTokens;
        for (var i = 0; i < full; i++)
        {
            source.Pages[i].Holders++;
            session.Pages.Add(source.Pages[i]);
        }

        if (tokens % KvLayout.PageTokens != 0)
        {
            session.Pages.Add(pool.Copy(source.Pages[full]));
            Spend(sequence);
        }

        for (var i = 0; i < tokens; i++)
        {
            session.Tokens.Add(source.Tokens[i]);
        }

        session.Computed = tokens;
    }

    /// <summary>Cuts a session back; its last page, if partly used, becomes its own.</summary>
    public void Truncate(Session session, int tokens, Sequence sequence)
    {
        var pages = KvLayout.Pages(tokens);
        for (var i = session.Pages.Count - 1; i >= pages; i--)
        {
            pool.Return(session.Pages[i]);
            session.Pages.RemoveAt(i);
        }

        if (tokens % KvLayout.PageTokens != 0 && session.Pages[^1].Holders > 1)
        {
            var shared = session.Pages[^1];
            session.Pages[^1] = pool.Copy(shared);
            pool.Return(shared);
            Spend(sequence);
        }

        session.Tokens.RemoveRange(tokens, session.Tokens.Count - tokens);
        session.Computed = Math.Min(session.Computed, tokens);
    }

    /// <summary>Takes pages so that so many tokens fit.</summary>
    public void Extend(Sequence sequence, int tokens)
    {
        var pages = sequence.Session!.Pages;
        while (pages.Count < KvLayout.Pages(tokens))
        {
            pages.Add(pool.Rent());
            Spend(sequence);
        }
    }

    public void Add(Session session)
    {
        (session.IsPrompt ? _prompts : _sessions).Add(session.IsPrompt ? session.Group! : session.Id, session);
        if (session.IsPrompt)
        {
            Rest(session);
        }

        Report();
    }

    /// <summary>The session is in use: it is not evicted.</summary>
    public void Busy(Session session, Sequence sequence)
    {
        session.Running = sequence;
        sequence.Session = session;
        if (session.Idle is not null)
        {
            _idle.Remove(session.Idle);
            session.Idle = null;
        }
    }

    /// <summary>The generation ended: what it had reserved is free, its session stays until somebody needs the room.</summary>
    public void End(Sequence sequence)
    {
        _reserved -= sequence.Reserved;
        sequence.Reserved = 0;
        if (sequence.Session is { } session)
        {
            session.Running = null;
            sequence.Session = null;
            Rest(session);
        }
    }

    /// <summary>Marks as used just now.</summary>
    public void Touch(Session session)
    {
        if (session.Idle is not null)
        {
            _idle.Remove(session.Idle);
            _idle.AddLast(session.Idle);
        }
    }

    /// <summary>Forgets a session.</summary>
    public void Drop(Session session)
    {
        if (session.Idle is not null)
        {
            _idle.Remove(session.Idle);
            session.Idle = null;
        }

        foreach (var page in session.Pages)
        {
            pool.Return(page);
        }

        session.Pages.Clear();
        (session.IsPrompt ? _prompts : _sessions).Remove(session.IsPrompt ? session.Group! : session.Id);
        Report();
    }

    /// <summary>Sessions and prompts that satisfy a condition.</summary>
    public List<Session> Where(Func<Session, bool> condition) => [.. _sessions.Values.Concat(_prompts.Values).Where(condition)];

    /// <summary>Publishes the figures.</summary>
    public void Report()
    {
        Volatile.Write(ref counters.Sessions, _sessions.Count);
        Volatile.Write(ref counters.KvBytes, pool.Bytes);
    }

    private void Rest(Session session) => session.Idle = _idle.AddLast(session);

    private void Spend(Sequence sequence)
    {
        sequence.Reserved--;
        _reserved--;
    }
}
