using System.Collections.Concurrent;

namespace Axpo.Testing;

/// <summary>What a script is asked for: the next turn of an episode, or the rest of a turn that a continuation shares with its source.</summary>
/// <param name="Episode">The episode.</param>
/// <param name="Turn">Observations in the context so far: 0 for the first turn.</param>
/// <param name="Context">The context as text, tags included.</param>
/// <param name="Chance">Key of chance of the sequence.</param>
/// <param name="Version">Step of the engine's weights.</param>
public sealed record ScriptedTurn(EpisodeId Episode, int Turn, string Context, ChanceKey Chance, int Version)
{
    /// <summary>Whether the turn is the rest of one that a source began: its opening tag is already there.</summary>
    public bool IsContinuation => Context.EndsWith("<tool_call>", StringComparison.Ordinal);

    /// <summary>A call as a policy writes it; without its opening tag where that is already there.</summary>
    public string Call(string tool, string argumentsJson) =>
        (IsContinuation ? "" : "<tool_call>") + $"{{\"name\":\"{tool}\",\"arguments\":{argumentsJson}}}</tool_call>";

    /// <summary>An answer as a policy writes it.</summary>
    public static string Answer(string answer) => $"<answer>\\boxed{{{answer}}}</answer><end>";
}

/// <summary>
/// An engine without a model: a script says what every turn holds; log-probs and entropies are keyed chance. It keeps sessions as a real engine does (offset, forks,
/// SessionMissing), so that whoever sends wrong tokens is found out.
/// </summary>
/// <param name="script">The text of a turn; it is cut at the first stop token, or where a stop sequence ends. A script that throws <see cref="ScriptedFaultException"/> makes the engine answer that status.</param>
public sealed class ScriptedPolicyEngine(Func<ScriptedTurn, string> script) : IPolicyEngine
{
    private readonly ScriptedChatFormat _chat = new();
    private readonly ConcurrentDictionary<string, int[]> _sessions = new(StringComparer.Ordinal);
    private readonly ConcurrentQueue<GenerateRequest> _requests = new();
    private readonly ConcurrentQueue<string> _released = new();
    private readonly Lock _publication = new();
    private WeightsVersion? _weights;
    private long _generated;
    private long _prefilled;
    private int _live;

    /// <summary>Whether every request is kept in <see cref="Requests"/>.</summary>
    public bool KeepRequests { get; init; } = true;

    /// <summary>Awaited before every generation, with the token that ends it: a latency gate driven by the test.</summary>
    public Func<ScriptedTurn, CancellationToken, Task>? Gate { get; set; }

    /// <summary>Entropy of every token of a turn, in nats; null: keyed chance.</summary>
    public Func<ScriptedTurn, float>? Entropy { get; set; }

    /// <summary>Every request, in order of arrival.</summary>
    public IReadOnlyCollection<GenerateRequest> Requests => _requests;

    /// <summary>Prefixes that were released.</summary>
    public IReadOnlyCollection<string> Released => _released;

    /// <summary>Newest published weights.</summary>
    public WeightsVersion? Weights => _weights;

    /// <summary>What <see cref="EngineStatus.RefilledTokens"/> is to say.</summary>
    public long RefilledTokens { get; set; }

    /// <inheritdoc/>
    public int MaxContext { get; init; } = 1_000_000;

    /// <inheritdoc/>
    public EngineStatus Status => new()
    {
        Version = _weights?.Step ?? 0,
        LiveSequences = Volatile.Read(ref _live),
        QueuedSequences = 0,
        Sessions = _sessions.Count,
        KvBytes = 0,
        GeneratedTokens = Interlocked.Read(ref _generated),
        PrefilledTokens = Interlocked.Read(ref _prefilled),
        SharedTokens = 0,
        Evictions = 0,
        Healthy = true,
        RefilledTokens = RefilledTokens,
    };

    /// <summary>Forgets every session, as an engine does that was restarted or ran out of memory.</summary>
    public void Evict() => _sessions.Clear();

    /// <inheritdoc/>
    public async Task<GenerateResult> GenerateAsync(GenerateRequest request, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(request);
        if (KeepRequests)
        {
            _requests.Enqueue(request);
        }

        if (Held(request) is not { } held)
        {
            return new GenerateResult { Status = GenerateStatus.SessionMissing };
        }

        Interlocked.Increment(ref _live);
        try
        {
            int[] context = [.. held, .. request.Tokens];
            var turn = new ScriptedTurn(EpisodeId.Parse(request.Session), context.Count(t => t == ScriptedChatFormat.ObservationClose), _chat.Decode(context), request.Chance, _weights?.Step ?? 0);
            if (Gate is { } gate)
            {
                await gate(turn, cancellationToken);
            }

            cancellationToken.ThrowIfCancellationRequested();
            return Sample(request, context, held.Length, ScriptedChatFormat.Encode(script(turn)), turn.Version, Entropy?.Invoke(turn));
        }
        catch (OperationCanceledException)
        {
            return new GenerateResult { Status = GenerateStatus.Cancelled };
        }
        catch (ScriptedFaultException e)
        {
            return new GenerateResult { Status = e.Status, Error = e.Message };
        }
        finally
        {
            Interlocked.Decrement(ref _live);
        }
    }

    /// <inheritdoc/>
    public void Release(string sessionPrefix)
    {
        _released.Enqueue(sessionPrefix);
        foreach (var session in _sessions.Keys)
        {
            if (session == sessionPrefix || session.StartsWith(sessionPrefix + "/", StringComparison.Ordinal))
            {
                _sessions.TryRemove(session, out _);
            }
        }
    }

    /// <inheritdoc/>
    public Task<bool> PublishAsync(WeightsVersion version, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(version);
        lock (_publication)
        {
            if (_weights is { } w && (version.Fence, version.Step).CompareTo((w.Fence, w.Step)) <= 0)
            {
                return Task.FromResult(false);
            }

            _weights = version;
            return Task.FromResult(true);
        }
    }

    private int[]? Held(GenerateRequest request)
    {
        if (request.Offset == 0)
        {
            return [];
        }

        if (request.ForkOf is { } source)
        {
            return _sessions.TryGetValue(source, out var parent) && parent.Length >= request.Offset ? parent[..request.Offset] : null;
        }

        return _sessions.TryGetValue(request.Session, out var own) && own.Length == request.Offset ? own : null;
    }

    private GenerateResult Sample(GenerateRequest request, int[] context, int held, int[] text, int version, float? entropy)
    {
        var stop = Enumerable.Range(0, text.Length)
            .FirstOrDefault(i => request.StopTokens.Contains(text[i]) || request.StopSequences.Any(s => text.AsSpan(0, i + 1).EndsWith(s)), -1);
        var whole = stop >= 0 ? stop + 1 : text.Length;
        var room = Math.Min(request.MaxNewTokens, MaxContext - context.Length);
        var count = Math.Min(whole, Math.Max(0, room));
        var tokens = text[..count];
        var logProbs = new float[count];
        var entropies = new float[count];
        for (var i = 0; i < count; i++)
        {
            var u = request.Chance.Uniform((uint)(context.Length + i), (uint)tokens[i]);
            logProbs[i] = (float)Math.Log((.5 + u) / 1.5);
            entropies[i] = entropy ?? (float)(u * .5);
        }

        _sessions[request.Session] = [.. context, .. tokens];
        Interlocked.Add(ref _generated, count);
        Interlocked.Add(ref _prefilled, context.Length - held);
        return new GenerateResult
        {
            Status = GenerateStatus.Done,
            Tokens = tokens,
            LogProbs = logProbs,
            Entropies = entropies,
            Versions = [.. Enumerable.Repeat(version, count)],
            Stop = stop >= 0 && count == whole ? StopReason.StopToken : room < request.MaxNewTokens ? StopReason.ContextFull : StopReason.MaxTokens,
            PrefilledTokens = context.Length - held,
        };
    }
}

/// <summary>Thrown by a script: the engine answers the status instead of tokens.</summary>
public sealed class ScriptedFaultException(GenerateStatus status, string message) : Exception(message)
{
    /// <summary>The status.</summary>
    public GenerateStatus Status => status;
}
