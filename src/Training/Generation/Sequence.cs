using Axpo.Core;

namespace Axpo.Training.Generation;

/// <summary>One generation, from admission to its result.</summary>
internal sealed class Sequence(GenerateRequest request)
{
    private readonly TaskCompletionSource<GenerateResult> _done = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly List<int> _tokens = [];
    private readonly List<float> _logProbs = [];
    private readonly List<float> _entropies = [];
    private readonly List<int> _versions = [];
    private volatile bool _cancelled;

    public GenerateRequest Request { get; } = request;

    public Task<GenerateResult> Result => _done.Task;

    /// <summary>Set by the caller's thread.</summary>
    public bool IsCancelled => _cancelled;

    public Session? Session { get; set; }

    /// <summary>Pages that admission set aside and that were not taken yet.</summary>
    public int Reserved { get; set; }

    /// <summary>Tokens of context at admission.</summary>
    public int ContextTokens { get; set; }

    /// <summary>Most tokens that may be sampled: the request's, or what the context leaves.</summary>
    public int Limit { get; set; }

    public int Prefilled { get; set; }

    /// <summary>Its prompt becomes the group's when it is computed.</summary>
    public bool MakesPrompt { get; set; }

    public int Sampled => _tokens.Count;

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
