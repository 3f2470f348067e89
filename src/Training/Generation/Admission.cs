using System.Globalization;
using System.Runtime.InteropServices;
using Axpo.Core;

namespace Axpo.Training.Generation;

/// <summary>What became of a request at the door.</summary>
internal enum AdmissionOutcome
{
    /// <summary>It is live.</summary>
    Admitted,

    /// <summary>It has its answer already.</summary>
    Answered,

    /// <summary>Its prefix is being computed for another: it shares it in a moment.</summary>
    WaitForPrefix,

    /// <summary>Live sequences hold the memory.</summary>
    WaitForRoom,
}

/// <summary>
/// Lets one request in: finds the longest prefix whose KV is there (its own session, the source of the fork, or its group's prompt), sets aside the
/// pages that it can need at most, and prepares the session. Tokens that the engine knows and whose KV is gone are computed again. Nothing is changed unless it is admitted,
/// idle sessions evicted for it apart.
/// </summary>
/// <param name="weights">The weights of now, counted by the engine.</param>
internal sealed class Admission(SessionTable sessions, Sequence sequence, int weights, int maxContext, int capacity, IReadOnlyDictionary<string, Sequence> promptsInWork)
{
    private readonly GenerateRequest _request = sequence.Request;
    private Session? _fresh;

    public GenerateStatus Status { get; private set; }

    public StopReason Stop { get; private set; }

    public string? Error { get; private set; }

    /// <summary>Tokens whose KV was another session's.</summary>
    public int SharedTokens { get; private set; }

    /// <param name="nothingElseLives">Whether waiting would be in vain.</param>
    public AdmissionOutcome Try(bool nothingElseLives)
    {
        var own = sessions.Find(_request.Session);
        var source = _request is { Offset: > 0, ForkOf: { } id } && sessions.Find(id) is { } s && s.Tokens.Count >= _request.Offset ? s : null;
        if (Tokens(own, source) is not { } tokens)
        {
            return Answer(GenerateStatus.SessionMissing, Missing());
        }

        if (tokens.Length >= maxContext)
        {
            Stop = StopReason.ContextFull;
            return Answer(GenerateStatus.Done, string.Create(CultureInfo.InvariantCulture,
                $"Offset {_request.Offset} + Tokens.Length {_request.Tokens.Length} leave no room for a sampled token; the context holds {maxContext} (engine.maxContext)"));
        }

        var group = _request.Offset == 0 ? _request.Group : null;
        if ((group is not null && promptsInWork.TryGetValue(group, out var first) && first.Session is { } started && Common(started, tokens) > 0) || IsUnderWay(source) || IsUnderWay(own))
        {
            return AdmissionOutcome.WaitForPrefix;
        }

        // KV of older weights is not for a fresh sequence; one that goes on, and a fork of it, keep it.
        var kept = own is null ? 0 : Math.Min(Common(own, tokens), _request.Offset == 0 ? own.Kv.Leading(weights) : _request.ForkOf is null ? own.Computed : Inherited(own, tokens));
        var best = own;
        foreach (var other in new[] { source, _request.Group is { } named ? sessions.FindPrompt(named) : null })
        {
            if (other is not null && Math.Min(Common(other, tokens), other == source ? Inherited(other, tokens) : other.Kv.Leading(weights)) is var usable && usable > kept)
            {
                (best, kept) = (other, usable);
            }
        }

        var limit = sequence.IsSuspended ? sequence.Limit : Math.Min(_request.MaxNewTokens, maxContext - tokens.Length);
        var most = tokens.Length + limit - sequence.Sampled;
        if (KvLayout.Pages(most) > capacity)
        {
            return Answer(GenerateStatus.Fault, string.Create(CultureInfo.InvariantCulture,
                $"Offset {_request.Offset} + Tokens.Length {_request.Tokens.Length} + MaxNewTokens {_request.MaxNewTokens} need {KvLayout.Pages(most)} KV pages, engine.kvMebibytes allows {capacity}: raise it, or lower the token limits"));
        }

        // What is kept for others may need a page more.
        var maySpare = KvLayout.Pages(most) < capacity;
        var makesPrompt = maySpare && group is not null && sessions.FindPrompt(group) is null;
        // A source whose KV is of older weights keeps it: only what was evicted is given back.
        var restores = maySpare && source is { Running: null, RestoredBy: null } && source.Computed < _request.Offset - 1 && source.Kv.Leading(weights) == source.Computed ? source : null;
        var needed = Needed(best, best == own, kept, most, makesPrompt || restores is not null);
        if (!sessions.MakeRoom(needed, best, own))
        {
            return NoRoom(nothingElseLives, best?.Pages.Count > 0 || own?.Pages.Count > 0);
        }

        sessions.Reserve(sequence, needed);
        Count(tokens.Length, kept, Math.Max(own?.Known ?? 0, source?.Known ?? 0));
        sequence.Limit = limit;
        sequence.MakesPrompt = makesPrompt;
        sequence.Restores = restores;
        restores?.RestoredBy = sequence;
        if (best == own && own is not null)
        {
            sessions.Busy(own, sequence);
            var pictures = PicturesOf(own, source);
            sessions.Truncate(own, kept, sequence);
            own.Tokens.AddRange(tokens.AsSpan(kept));
            own.Pictures.Truncate(0);
            own.Pictures.AddFrom(pictures, tokens.Length);
        }
        else
        {
            Start(own, best, kept, tokens, PicturesOf(own, source));
        }

        sequence.IsSuspended = false;
        return AdmissionOutcome.Admitted;
    }

    /// <summary>After <see cref="Try"/> threw: the reservation is returned, and what it had prepared is gone.</summary>
    public void Undo()
    {
        sequence.Restores?.RestoredBy = null;
        sequence.Restores = null;
        sequence.MakesPrompt = false;
        if (_fresh is not null)
        {
            sessions.Drop(_fresh);
        }

        if (sequence.IsSuspended)
        {
            sessions.Suspend(sequence);
            return;
        }

        if (sequence.Session is { } own)
        {
            sessions.Strip(own);
        }

        sessions.End(sequence);
    }

    /// <summary>The whole context; null: its beginning is unknown.</summary>
    private int[]? Tokens(Session? own, Session? source)
    {
        if (sequence.IsSuspended)
        {
            return [.. sequence.Session!.Tokens];
        }

        if (_request.Offset == 0)
        {
            return _request.Tokens;
        }

        var known = source ?? (own is not null && own.Tokens.Count >= _request.Offset ? own : null);
        return known is null ? null : [.. CollectionsMarshal.AsSpan(known.Tokens)[.._request.Offset], .. _request.Tokens];
    }

    /// <summary>The pictures of the whole context.</summary>
    private SessionPictures PicturesOf(Session? own, Session? source)
    {
        var pictures = new SessionPictures();
        if (sequence.IsSuspended || _request.Offset > 0)
        {
            pictures.AddFrom((sequence.IsSuspended ? own : source ?? own)!.Pictures, sequence.IsSuspended ? int.MaxValue : _request.Offset);
        }

        for (var i = 0; i < sequence.Pictures.Count && !sequence.IsSuspended; i++)
        {
            pictures.Add(_request.Images[i].Image, sequence.Pictures[i]);
        }

        return pictures;
    }

    /// <summary>Whether somebody else computes tokens that this request continues. (The last one is computed late: it is not waited for.)</summary>
    private bool IsUnderWay(Session? session) =>
        !sequence.IsSuspended && session is not null && session.Computed < _request.Offset - 1 && (session.Running ?? session.RestoredBy) is { } other && other != sequence;

    private static int Needed(Session? best, bool inPlace, int kept, int tokens, bool shares)
    {
        var ownsTail = inPlace && kept % KvLayout.PageTokens != 0 && best!.Pages[kept / KvLayout.PageTokens].Holders == 1;
        return KvLayout.Pages(tokens) - (kept / KvLayout.PageTokens) - (ownsTail ? 1 : 0) + (shares ? 1 : 0);
    }

    private void Count(int tokens, int kept, int known)
    {
        var held = sequence.IsSuspended ? tokens : _request.Offset;
        // A token that was sampled last and not fed yet is decoded late, not prefilled.
        sequence.PrefillFrom = kept == held - 1 ? held : kept;
        sequence.PrefillTo = tokens;
        sequence.Prefilled += tokens - sequence.PrefillFrom;
        sequence.RefillTo = Math.Min(known, held);
    }

    private void Start(Session? own, Session? source, int kept, int[] tokens, SessionPictures pictures)
    {
        var session = _fresh = new Session(_request.Session, _request.Group);
        if (source is not null)
        {
            sessions.Share(session, source, kept, sequence);
            sessions.Touch(source);
            SharedTokens = kept;
        }

        session.Tokens.AddRange(tokens);
        session.Pictures.AddFrom(pictures, tokens.Length);
        if (own is not null)
        {
            session.Known = Math.Max(session.Known, Math.Min(own.Known, Common(own, tokens)));
            own.Running = null;
            sessions.Drop(own);
        }

        // Nothing fails from here on.
        sessions.Add(session);
        sessions.Busy(session, sequence);
    }

    private AdmissionOutcome NoRoom(bool nothingElseLives, bool holds)
    {
        if (!nothingElseLives)
        {
            return AdmissionOutcome.WaitForRoom;
        }

        // Alone it does not fit beside what it wants to reuse: then that makes room too.
        sessions.EvictAll();
        return holds ? Try(nothingElseLives: true) : throw new InvalidOperationException("nothing lives, nothing is idle, and yet KV pages are missing");
    }

    private AdmissionOutcome Answer(GenerateStatus status, string? error)
    {
        (Status, Error) = (status, error);
        return AdmissionOutcome.Answered;
    }

    private string Missing() => string.Create(CultureInfo.InvariantCulture,
        $"the engine does not know the first {_request.Offset} tokens of '{_request.ForkOf ?? _request.Session}' (released, or another engine's); send the whole context with offset 0");

    /// <summary>Tokens whose KV a fork goes on with, whatever weights computed it; the one that it samples after must be of the weights of now.</summary>
    private int Inherited(Session session, int[] tokens) => Math.Min(session.Computed, Math.Max(session.Kv.Leading(weights), tokens.Length - 1));

    private static int Common(Session session, int[] tokens) => CollectionsMarshal.AsSpan(session.Tokens).CommonPrefixLength(tokens);
}
