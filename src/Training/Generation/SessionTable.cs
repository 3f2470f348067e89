using System.Runtime.InteropServices;

namespace Axpo.Training.Generation;

/// <summary>
/// Sessions, prompts of groups, and the pages that they hold. Pages are counted before they are taken: a sequence that was admitted never runs out.
/// Idle sessions give their pages back, the least recently used first, when pages are needed; their tokens stay (a ghost) while all ghosts together have at most
/// <paramref name="mostGhostTokens"/>. Owned by the engine's thread.
/// </summary>
internal sealed class SessionTable(KvPool pool, EngineCounters counters, long mostGhostTokens = SessionTable.GhostTokens)
{
    /// <summary>16 MiB of ids.</summary>
    private const long GhostTokens = 4 << 20;

    private readonly Dictionary<string, Session> _sessions = new(StringComparer.Ordinal);
    private readonly Dictionary<string, Session> _prompts = new(StringComparer.Ordinal);
    private readonly LinkedList<Session> _idle = new();
    private readonly LinkedList<Session> _ghosts = new();
    private long _ghostTokens;
    private int _reserved;

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
                Evict(session);
            }
        }

        return Available >= pages;
    }

    /// <summary>Evicts every idle session and prompt.</summary>
    public void EvictAll()
    {
        while (_idle.First is { } node)
        {
            Evict(node.Value);
        }
    }

    /// <summary>Takes an idle session's pages: it becomes a ghost. A prompt is forgotten: it is nobody's, and the next of its group makes it anew.</summary>
    public void Evict(Session session)
    {
        if (session.Pages.Count == 0)
        {
            return;
        }

        counters.Evictions++;
        if (session.IsPrompt)
        {
            Drop(session);
            return;
        }

        Strip(session);
        Rest(session);
    }

    public void Reserve(Sequence sequence, int pages)
    {
        sequence.Reserved += pages;
        _reserved += pages;
    }

    /// <summary>A session without pages takes the KV of another's first tokens: full pages are shared, the rest of a page is copied.</summary>
    /// <param name="session">Who takes.</param>
    /// <param name="source">Where the tokens are computed.</param>
    /// <param name="tokens">How many.</param>
    /// <param name="sequence">Whose reservation pays for the copied page.</param>
    public void Share(Session session, Session source, int tokens, Sequence sequence)
    {
        var full = tokens / KvLayout.PageTokens;
        session.Pages.EnsureCapacity(full + 1);
        // What can fail comes first: no page has then gained a holder.
        var rest = tokens % KvLayout.PageTokens == 0 ? null : pool.Copy(source.Pages[full]);
        foreach (var page in CollectionsMarshal.AsSpan(source.Pages)[..full])
        {
            page.Holders++;
            session.Pages.Add(page);
        }

        if (rest is not null)
        {
            session.Pages.Add(rest);
            Spend(sequence);
        }

        session.Kv.CopyFrom(source.Kv, tokens);
    }

    /// <summary>Gives a ghost the KV that a fork of it has computed.</summary>
    public void Restore(Session ghost, Session source, int tokens, Sequence sequence)
    {
        Strip(ghost);
        Share(ghost, source, tokens, sequence);
        Rest(ghost);
        Report();
    }

    /// <summary>Cuts a session back; its last page, if partly used, becomes its own.</summary>
    public void Truncate(Session session, int tokens, Sequence sequence)
    {
        ReturnPages(session, KvLayout.Pages(tokens));
        if (tokens % KvLayout.PageTokens != 0 && session.Pages[^1].Holders > 1)
        {
            var shared = session.Pages[^1];
            session.Pages[^1] = pool.Copy(shared);
            pool.Return(shared);
            Spend(sequence);
        }

        session.Tokens.RemoveRange(tokens, session.Tokens.Count - tokens);
        session.Kv.Truncate(tokens);
        session.Pictures.Truncate(tokens);
        session.Known = Math.Min(session.Known, tokens);
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
        Leave(session);
    }

    /// <summary>The generation ended: what it had reserved is free, its session stays until somebody needs the room.</summary>
    public void End(Sequence sequence)
    {
        Unreserve(sequence);
        if (sequence.Session is { } session)
        {
            session.Running = null;
            sequence.Session = null;
            Rest(session);
        }
    }

    /// <summary>A live generation gives its pages back and keeps its session: admitted again, it goes on where it was.</summary>
    public void Suspend(Sequence sequence)
    {
        Unreserve(sequence);
        Strip(sequence.Session!);
    }

    /// <summary>A session's pages are given back and its KV is gone; its tokens stay.</summary>
    public void Strip(Session session)
    {
        ReturnPages(session, 0);
        var known = session.Known;
        session.Kv.Truncate(0);
        session.Known = known;
    }

    /// <summary>Marks as used just now.</summary>
    public void Touch(Session session)
    {
        if (session.Place is { } place)
        {
            var list = place.List!;
            list.Remove(place);
            list.AddLast(place);
        }
    }

    /// <summary>Forgets a session.</summary>
    public void Drop(Session session)
    {
        Leave(session);
        ReturnPages(session, 0);
        session.Kv.Truncate(0);
        var (table, key) = session.IsPrompt ? (_prompts, session.Group!) : (_sessions, session.Id);
        if (table.GetValueOrDefault(key) == session)
        {
            table.Remove(key);
        }

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

    private void ReturnPages(Session session, int keep)
    {
        for (var i = session.Pages.Count - 1; i >= keep; i--)
        {
            pool.Return(session.Pages[i]);
            session.Pages.RemoveAt(i);
        }
    }

    /// <summary>Puts an idle session where it belongs: it may be evicted, or it is a ghost.</summary>
    private void Rest(Session session)
    {
        Leave(session);
        if (session.Pages.Count > 0)
        {
            session.Place = _idle.AddLast(session);
            return;
        }

        session.Place = _ghosts.AddLast(session);
        _ghostTokens += session.Tokens.Count;
        while (_ghostTokens > mostGhostTokens)
        {
            Drop(_ghosts.First!.Value);
        }
    }

    private void Leave(Session session)
    {
        if (session.Place is not { } place)
        {
            return;
        }

        if (place.List == _ghosts)
        {
            _ghostTokens -= session.Tokens.Count;
        }

        place.List!.Remove(place);
        session.Place = null;
    }

    private void Unreserve(Sequence sequence)
    {
        _reserved -= sequence.Reserved;
        sequence.Reserved = 0;
    }

    private void Spend(Sequence sequence)
    {
        sequence.Reserved--;
        _reserved--;
    }
}
