using Axpo.Core;
using Axpo.Training.Models.Vision;

namespace Axpo.Training.Generation;

/// <summary>One generation, from admission to its result.</summary>
internal sealed class Sequence(GenerateRequest request, IReadOnlyList<PlacedGrid>? pictures = null)
{
    private readonly TaskCompletionSource<GenerateResult> _done = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly List<int> _tokens = [];
    private readonly List<float> _logProbs = [];
    private readonly List<float> _entropies = [];
    private readonly List<int> _versions = [];
    private volatile bool _cancelled;

    /// <summary>What was asked for; the tokens are keys, as a session's.</summary>
    public GenerateRequest Request { get; } = request;

    /// <summary>Places of <see cref="GenerateRequest.Images"/>.</summary>
    public IReadOnlyList<PlacedGrid> Pictures { get; } = pictures ?? [];

    public Task<GenerateResult> Result => _done.Task;

    /// <summary>Set by the caller's thread.</summary>
    public bool IsCancelled => _cancelled;

    public Session? Session { get; set; }

    /// <summary>Pages that admission set aside and that were not taken yet.</summary>
    public int Reserved { get; set; }

    /// <summary>Most tokens that may be sampled: the request's, or what the context leaves.</summary>
    public int Limit { get; set; }

    /// <summary>Context tokens that had to be computed.</summary>
    public int Prefilled { get; set; }

    /// <summary>First context token that is computed since it was admitted.</summary>
    public int PrefillFrom { get; set; }

    /// <summary>End of the context tokens (exclusive).</summary>
    public int PrefillTo { get; set; }

    /// <summary>End (exclusive) of those among them that had been computed before.</summary>
    public int RefillTo { get; set; }

    /// <summary>Its prompt becomes the group's when it is computed.</summary>
    public bool MakesPrompt { get; set; }

    /// <summary>The ghost whose fork it is: it gets the KV of the prefix when that is computed.</summary>
    public Session? Restores { get; set; }

    /// <summary>Whether others wait for what it computes of its context.</summary>
    public bool IsAwaited => MakesPrompt || Restores is not null;

    /// <summary>Whether the next step takes it, if it decodes (<see cref="DecodeWave"/>).</summary>
    public bool IsInWave { get; set; }

    /// <summary>It was live, gave its pages back and waits to go on.</summary>
    public bool IsSuspended { get; set; }

    /// <summary>Memory ran out under it; it is tried once more.</summary>
    public bool IsRetried { get; set; }

    public int Sampled => _tokens.Count;

    /// <summary>Whether the newest sampled tokens are these.</summary>
    public bool EndsWith(int[] tokens) => System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_tokens).EndsWith(tokens);

    /// <summary>The token that the next draw must be; null: it is drawn.</summary>
    public int? Forced => Sampled < Request.Forced.Length ? Request.Forced[Sampled] : null;

    public void Cancel() => _cancelled = true;

    public void Add(SampledToken token, int version)
    {
        _tokens.Add(token.Token);
        _logProbs.Add(token.LogProb);
        _entropies.Add(token.Entropy);
        _versions.Add(version);
    }

    public void Complete(GenerateStatus status, StopReason stop = default, string? error = null) => _done.TrySetResult(new GenerateResult
    {
        Status = status,
        Tokens = [.. _tokens],
        LogProbs = [.. _logProbs],
        Entropies = [.. _entropies],
        Versions = [.. _versions],
        Stop = stop,
        PrefilledTokens = Prefilled,
        Error = error,
    });
}
