namespace Axpo.Core;

/// <summary>How tokens are sampled.</summary>
[GenerateSerializer, Immutable, Alias("axpo.SamplingOptions")]
public sealed record SamplingOptions
{
    /// <summary>Temperature, above 0; 0 means greedy.</summary>
    [Id(0)] public double Temperature { get; init; } = 1.0;

    /// <summary>Nucleus: the smallest set of tokens whose probability reaches this; 1 = off. Log-probs are renormalised on the kept set.</summary>
    [Id(1)] public double TopP { get; init; } = 1.0;

    /// <summary>Only the k most likely tokens; 0 = off.</summary>
    [Id(2)] public int TopK { get; init; }

    /// <summary>Training samples from the policy itself: T as configured, nothing cut off.</summary>
    public static SamplingOptions Training(double temperature = 1.0) => new() { Temperature = temperature };

    /// <summary>The paper's evaluation: T .7, top-p .8, top-k 20.</summary>
    public static SamplingOptions PaperEvaluation { get; } = new() { Temperature = .7, TopP = .8, TopK = 20 };

    /// <summary>How a run samples in a phase.</summary>
    /// <param name="phase">The phase.</param>
    /// <param name="configuration">The run's.</param>
    /// <param name="asked">What a batch asked for; null: as in training.</param>
    public static SamplingOptions Of(Phase phase, RunConfiguration configuration, SamplingOptions? asked) => phase switch
    {
        Phase.Eval => PaperEvaluation,
        Phase.EvalT1 => Training(),
        Phase.Rollout when asked is not null => asked,
        _ => Training(configuration.Rollouts.Temperature) with { TopP = configuration.Rollouts.TopP, TopK = configuration.Rollouts.TopK },
    };
}

/// <summary>Why a generation ended.</summary>
public enum StopReason : byte
{
    /// <summary>One of the stop tokens was sampled, or a stop sequence was completed (its end is the last token returned).</summary>
    StopToken,

    /// <summary><see cref="GenerateRequest.MaxNewTokens"/> were sampled.</summary>
    MaxTokens,

    /// <summary>The context of the model is full.</summary>
    ContextFull,
}

/// <summary>One generation: a turn of an episode.</summary>
[GenerateSerializer, Immutable, Alias("axpo.GenerateRequest")]
public sealed record GenerateRequest
{
    /// <summary>The session: the episode's id. Its KV is kept between turns.</summary>
    [Id(0)] public required string Session { get; init; }

    /// <summary>Position of <see cref="Tokens"/>[0] in the session: 0 with the whole context, else the number of tokens that the engine is expected to know (it computes again what it has evicted).</summary>
    [Id(1)] public required int Offset { get; init; }

    /// <summary>
    /// Tokens to append before sampling. Empty where sampling goes on right after what the session holds: the first request of a fork (which carries nothing but
    /// <see cref="ForkOf"/> and <see cref="Offset"/> = end of the shared prefix), and a turn that goes on after an orphan closing tag.
    /// </summary>
    [Id(2)] public required int[] Tokens { get; init; }

    /// <summary>Sessions with the same group and the same first tokens share the KV of their common prompt.</summary>
    [Id(3)] public string? Group { get; init; }

    /// <summary>A fork: the session starts as the first <see cref="Offset"/> tokens of this one, whose KV it shares.</summary>
    [Id(4)] public string? ForkOf { get; init; }

    /// <summary>How to sample.</summary>
    [Id(5)] public required SamplingOptions Sampling { get; init; }

    /// <summary>Key of chance of the sequence; the counter is (absolute token position, token id).</summary>
    [Id(6)] public required ChanceKey Chance { get; init; }

    /// <summary>At most this many tokens are sampled.</summary>
    [Id(7)] public required int MaxNewTokens { get; init; }

    /// <summary>Ids that end the generation.</summary>
    [Id(8)] public required int[] StopTokens { get; init; }

    /// <summary>When the caller gives up; the sequence ends within one decode step.</summary>
    [Id(9)] public DateTimeOffset? Deadline { get; init; }

    /// <summary>Token sequences that end the generation as a stop token does, when its own tokens end with one: what came before it, or with an earlier request, does not count.</summary>
    [Id(10)] public int[][] StopSequences { get; init; } = [];

    /// <summary>
    /// Ids that the first tokens of the generation must be, whatever would have been drawn; they are returned as sampled ones are, with their log-probs, and end it as those do.
    /// Only with a temperature above 0 and without cuts, where every token has a log-prob.
    /// </summary>
    [Id(11)] public int[] Forced { get; init; } = [];

    /// <summary>Images among <see cref="Tokens"/>, in order; their places count from the session's first token, as <see cref="Offset"/> does.</summary>
    [Id(12)] public PlacedImage[] Images { get; init; } = [];
}

/// <summary>How a generation went.</summary>
public enum GenerateStatus : byte
{
    /// <summary>Done.</summary>
    Done,

    /// <summary>The engine does not know the session's tokens (released, other engine): send the whole context with offset 0.</summary>
    SessionMissing,

    /// <summary>The queue is full: try again later.</summary>
    Busy,

    /// <summary>The engine failed: Void.</summary>
    Fault,

    /// <summary>The deadline passed or the caller cancelled.</summary>
    Cancelled,
}

/// <summary>What was sampled.</summary>
[GenerateSerializer, Immutable, Alias("axpo.GenerateResult")]
public sealed record GenerateResult
{
    [Id(0)] public required GenerateStatus Status { get; init; }

    /// <summary>Sampled ids [tokens], the stop token included.</summary>
    [Id(1)] public int[] Tokens { get; init; } = [];

    /// <summary>Log-prob of each under the distribution sampled from (temperature and cuts included) [tokens].</summary>
    [Id(2)] public float[] LogProbs { get; init; } = [];

    /// <summary>Entropy in nats of that distribution [tokens].</summary>
    [Id(3)] public float[] Entropies { get; init; } = [];

    /// <summary>Weights version that sampled each [tokens].</summary>
    [Id(4)] public int[] Versions { get; init; } = [];

    [Id(5)] public StopReason Stop { get; init; }

    /// <summary>Tokens of context that had to be computed (prefill); shared and cached ones are not counted.</summary>
    [Id(6)] public int PrefilledTokens { get; init; }

    /// <summary>What went wrong, if anything.</summary>
    [Id(7)] public string? Error { get; init; }
}

/// <summary>Published weights.</summary>
/// <param name="Fence">Fence of the trainer that made them.</param>
/// <param name="Step">Training step.</param>
/// <param name="Folder">A Hugging Face folder.</param>
/// <param name="Sha256">Hash of its weights file.</param>
[GenerateSerializer, Immutable, Alias("axpo.WeightsVersion")]
public sealed record WeightsVersion([property: Id(0)] long Fence, [property: Id(1)] int Step, [property: Id(2)] string Folder, [property: Id(3)] string Sha256);

/// <summary>What an engine is doing.</summary>
[GenerateSerializer, Immutable, Alias("axpo.EngineStatus")]
public sealed record EngineStatus
{
    [Id(0)] public required int Version { get; init; }
    [Id(1)] public required int LiveSequences { get; init; }
    [Id(2)] public required int QueuedSequences { get; init; }
    [Id(3)] public required int Sessions { get; init; }
    [Id(4)] public required long KvBytes { get; init; }
    [Id(5)] public required long GeneratedTokens { get; init; }
    [Id(6)] public required long PrefilledTokens { get; init; }
    [Id(7)] public required long SharedTokens { get; init; }
    [Id(8)] public required long Evictions { get; init; }
    [Id(9)] public required bool Healthy { get; init; }
    [Id(10)] public string? Error { get; init; }

    /// <summary>Tokens of context computed once more, after eviction or a change of weights; they are among <see cref="PrefilledTokens"/>.</summary>
    [Id(11)] public long RefilledTokens { get; init; }

    /// <summary>Worker threads.</summary>
    [Id(12)] public int Workers { get; init; }

    /// <summary>Passes of the vision tower: one an image and version of the weights, as long as there is room for what it gave.</summary>
    [Id(13)] public long EncodedImages { get; init; }

    /// <summary>Bytes of patches and features that are kept.</summary>
    [Id(14)] public long ImageBytes { get; init; }
}

/// <summary>Generates tokens on its own threads; callers only await.</summary>
public interface IPolicyEngine
{
    /// <summary>Generates one turn. Never throws for the engine's own faults: see <see cref="GenerateStatus"/>.</summary>
    Task<GenerateResult> GenerateAsync(GenerateRequest request, CancellationToken cancellationToken);

    /// <summary>Forgets sessions whose id equals or lies below (<c>prefix/...</c>) this one.</summary>
    void Release(string sessionPrefix);

    /// <summary>Takes new weights between tokens. A version that is not higher than the current one by (fence, step) is ignored and answers false.</summary>
    Task<bool> PublishAsync(WeightsVersion version, CancellationToken cancellationToken);

    /// <summary>Figures of the moment.</summary>
    EngineStatus Status { get; }

    /// <summary>Largest context in tokens.</summary>
    int MaxContext { get; }
}
