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

    /// <summary>Its group's prompt is being computed: it shares it in a moment.</summary>
    WaitForPrompt,

    /// <summary>Live sequences hold the memory.</summary>
    WaitForRoom,
}

/// <summary>
/// Lets one request in: finds the longest prefix whose KV is there (its own session, the source of the fork, or its group's prompt), sets aside the
/// pages that it can need at most, and prepares the session. Nothing is changed unless it is admitted, idle sessions evicted for it apart.
/// </summary>
internal sealed class Admission(SessionTable sessions, Sequence sequence, int epoch, int maxContext, int capacity, IReadOnlyDictionary<string, Sequence> promptsInWork)
{
    private readonly GenerateRequest _request = sequence.Request;

    public GenerateStatus Status { get; private set; }

    public StopReason Stop { get; private set; }

    public string? Error { get; private set; }

    /// <summary>Tokens whose KV was another session's.</summary>
    public int SharedTokens { get; private set; }

    /// <param name="nothingElseLives">Whether waiting would be in vain.</param>
    public AdmissionOutcome Try(bool nothingElseLives)
    {
        var own = sessions.Find(_request.Session);
        var source = Source(own);
        if (_request.Offset > 0 && source is null)
        {
            return Answer(GenerateStatus.SessionMissing, Missing());
        }

        int[] tokens = _request.Offset > 0 ? [.. CollectionsMarshal.AsSpan(source!.Tokens)[.._request.Offset], .. _request.Tokens] : _request.Tokens;
        if (tokens.Length >= maxContext)
        {
            Stop = StopReason.ContextFull;
            return Answer(GenerateStatus.Done, null);
        }

        var group = _request.Offset == 0 ? _request.Group : null;
        if (group is not null && promptsInWork.TryGetValue(group, out var first) && first.Session is { } started && started.Epoch == epoch && Common(started.Tokens, tokens) > 0)
        {
            return AdmissionOutcome.WaitForPrompt;
        }

        var kept = source is null ? 0 : Math.Min(source.Computed, Common(source.Tokens, tokens));
        var inPlace = source is not null && source == own;
        var makesPrompt = group is not null && sessions.FindPrompt(group)?.Epoch != epoch;
        var limit = Math.Min(_request.MaxNewTokens, maxContext - tokens.Length);
        var ownsTail = inPlace && kept % KvLayout.PageTokens != 0 && source!.Pages[kept / KvLayout.PageTokens].Holders == 1;
        var needed = KvLayout.Pages(tokens.Length + limit) - (kept / KvLayout.PageTokens) - (ownsTail ? 1 : 0) + (makesPrompt && tokens.Length % KvLayout.PageTokens != 0 ? 1 : 0);
        if (!sessions.MakeRoom(needed, source, own))
        {
            return NoRoom(nothingElseLives, own, source, needed);
        }

        sessions.Reserve(sequence, needed);
        sequence.ContextTokens = tokens.Length;
        sequence.Limit = limit;
        sequence.MakesPrompt = makesPrompt;
        // A token that was sampled last and not fed yet is decoded late, not prefilled.
        sequence.Prefilled = tokens.Length - (kept == _request.Offset - 1 ? _request.Offset : kept);
        var session = inPlace ? source! : Fresh(own, source, kept);
        sessions.Busy(session, sequence);
        if (inPlace)
        {
            sessions.Truncate(session, kept, sequence);
        }

        session.Tokens.AddRange(tokens.AsSpan(kept));
        return AdmissionOutcome.Admitted;
    }

    private Session? Source(Session? own)
    {
        if (_request.Offset == 0)
        {
            var mine = own is not null && own.Epoch == epoch ? own : null;
            var prompt = _request.Group is { } group && sessions.FindPrompt(group) is { } p && p.Epoch == epoch ? p : null;
            var best = Common(prompt?.Tokens, _request.Tokens) > Math.Min(mine?.Computed ?? 0, Common(mine?.Tokens, _request.Tokens)) ? prompt : mine;
            return best;
        }

        // A fork is a fresh sequence: KV of older weights is not for it.
        if (_request.ForkOf is { } id && sessions.Find(id) is { } source && source.Epoch == epoch && source.Tokens.Count >= _request.Offset)
        {
            return source;
        }

        return own is not null && own.Tokens.Count >= _request.Offset ? own : null;
    }

    private Session Fresh(Session? own, Session? source, int kept)
    {
        var session = new Session(_request.Session, _request.Group, epoch);
        if (source is not null)
        {
            sessions.Share(session, source, kept, sequence);
            sessions.Touch(source);
            SharedTokens = kept;
        }

        if (own is not null)
        {
            sessions.Drop(own);
        }

        sessions.Add(session);
        return session;
    }

    private AdmissionOutcome NoRoom(bool nothingElseLives, Session? own, Session? source, int needed)
    {
        if (!nothingElseLives)
        {
            return AdmissionOutcome.WaitForRoom;
        }

        // Even alone it does not fit beside what it wants to reuse.
        foreach (var session in new[] { source, own }.OfType<Session>().Distinct())
        {
            sessions.Drop(session);
        }

        if (_request.Offset > 0)
        {
            return Answer(GenerateStatus.SessionMissing, "its KV had to make room for itself; send the whole context with offset 0");
        }

        return source is not null || own is not null
            ? Try(nothingElseLives: true)
            : Answer(GenerateStatus.Fault, string.Create(CultureInfo.InvariantCulture,
                $"a sequence of {_request.Tokens.Length} + {_request.MaxNewTokens} tokens needs {needed} KV pages, engine.kvMebibytes allows {capacity}: raise it, or lower the token limits"));
    }

    private AdmissionOutcome Answer(GenerateStatus status, string? error)
    {
        (Status, Error) = (status, error);
        return AdmissionOutcome.Answered;
    }

    private string Missing() => string.Create(CultureInfo.InvariantCulture,
        $"the engine does not hold the first {_request.Offset} tokens of '{_request.ForkOf ?? _request.Session}' (evicted, older weights, or another engine); send the whole context with offset 0");

    private static int Common(List<int>? a, int[] b) => a is null ? 0 : CollectionsMarshal.AsSpan(a).CommonPrefixLength(b);
}
