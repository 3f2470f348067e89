using System.Text.Json.Serialization;

namespace Axpo.Silo.Comparisons;

/// <summary>All that a comparison keeps of a finished run. Figures are rounded to six significant digits.</summary>
public sealed record CellSummary
{
    /// <summary>Name of the algorithm in the tables when it was run.</summary>
    public required string Name { get; init; }

    /// <summary>Seed of the run.</summary>
    public required ulong Seed { get; init; }

    /// <summary>Hash of the configuration.</summary>
    public required string Hash { get; init; }

    /// <summary>Hash of the starting model's weights.</summary>
    public required string ModelSha256 { get; init; }

    /// <summary>Hash of the file of questions; null: it asked suites.</summary>
    public string? QuestionsSha256 { get; init; }

    /// <summary>Version of Axpo.</summary>
    public required string Version { get; init; }

    /// <summary>Commit of the source that Axpo was built from; <c>unknown</c> if nothing says it.</summary>
    public required string Commit { get; init; }

    /// <summary>Where it ran; where it was interrupted, where it ended.</summary>
    public required CellMachine Machine { get; init; }

    /// <summary>When the run was created.</summary>
    public required DateTimeOffset Started { get; init; }

    /// <summary>When its last row was written.</summary>
    public required DateTimeOffset Ended { get; init; }

    /// <summary>Seconds of all steps and evaluations that counted; what an interruption cost is not in it.</summary>
    public required double Seconds { get; init; }

    /// <summary>Episodes that stayed Void, by cause.</summary>
    public required IReadOnlyDictionary<string, int> VoidEpisodes { get; init; }

    /// <summary>Attempts at episodes that ended Void, those that a further attempt mended included.</summary>
    public required int VoidAttempts { get; init; }

    /// <summary>The whole configuration; of paths the last name only.</summary>
    public required RunConfiguration Configuration { get; init; }

    /// <summary>The held-out questions, in order; every evaluation asked the first of them.</summary>
    public required IReadOnlyList<HeldOutQuestion> Questions { get; init; }

    /// <summary>Training steps, in order.</summary>
    public required IReadOnlyList<StepSummary> Steps { get; init; }

    /// <summary>Evaluations, in order of steps.</summary>
    public required IReadOnlyList<EvaluationSummary> Evaluations { get; init; }

    /// <summary>What was resampled in training, prefix by prefix; null: nothing, or an older version of Axpo wrote the summary.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public PrefixSummaries? Prefixes { get; init; }
}

/// <summary>A machine.</summary>
/// <param name="Processor">Model of the processor; empty if unknown.</param>
/// <param name="Cores">Cores that the process might use.</param>
public sealed record CellMachine(string Processor, int Cores);

/// <summary>A held-out question.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Suite">Its suite.</param>
/// <param name="Category">Its category.</param>
/// <param name="Horizon">Calls that it needs in sequence; 1 if unknown.</param>
public sealed record HeldOutQuestion(string Id, string Suite, string Category, int Horizon = 1)
{
    /// <summary>What tables are broken down by.</summary>
    [JsonIgnore]
    public HeldOutPart Part => new(Suite, Horizon);
}

/// <summary>A part of the held-out questions.</summary>
/// <param name="Suite">Their suite.</param>
/// <param name="Calls">Calls that they need in sequence; null: the whole suite.</param>
public sealed record HeldOutPart(string Suite, int? Calls)
{
    /// <summary>Whether a question belongs to it.</summary>
    public bool Holds(HeldOutQuestion question)
    {
        ArgumentNullException.ThrowIfNull(question);
        return question.Suite == Suite && (Calls is null || question.Horizon == Calls);
    }

    /// <inheritdoc/>
    public override string ToString() => Calls is { } calls ? FormattableString.Invariant($"{Suite}, {calls} {(calls == 1 ? "call" : "calls")}") : Suite;
}

/// <summary>A training step: figures of <see cref="MetricsRow"/>, null where there is no denominator.</summary>
public sealed record StepSummary
{
    /// <summary>The step, from 1.</summary>
    public required int Step { get; init; }

    /// <summary>Tokens sampled in rollouts of whole questions.</summary>
    public long RolloutTokens { get; init; }

    /// <summary>Tokens sampled in continuations, or fresh rollouts in their place.</summary>
    public long ContinuationTokens { get; init; }

    /// <summary>Seconds of rollouts, resampling and update together.</summary>
    public double TrainingSeconds { get; init; }

    /// <summary>Seconds of the evaluation that followed; 0 if there was none.</summary>
    public double EvaluationSeconds { get; init; }

    /// <summary>Share of correct rollouts.</summary>
    public double? Accuracy { get; init; }

    /// <summary>Share of rollouts with a call.</summary>
    public double? ToolUse { get; init; }

    /// <summary>Share of non-empty tool-using subgroups that are all wrong, before resampling.</summary>
    public double? AllWrongBefore { get; init; }

    /// <summary>The same after.</summary>
    public double? AllWrongAfter { get; init; }

    /// <summary>Share of non-empty no-tool subgroups that are all wrong, before resampling.</summary>
    public double? AllWrongNoTool { get; init; }

    /// <summary>Prefixes resampled.</summary>
    public int Prefixes { get; init; }

    /// <summary>Share of them with a correct continuation.</summary>
    public double? Recovery { get; init; }

    /// <summary>Questions of which a prefix recovered.</summary>
    public int RecoveredGroups { get; init; }

    /// <summary>Mean entropy at the sampled tokens, nats.</summary>
    public double? Entropy { get; init; }

    /// <summary>Mean k3 divergence from the starting policy, nats a token.</summary>
    public double? Kl { get; init; }

    /// <summary>Share of trained tokens where the clipped term is the active one.</summary>
    public double? ClipFraction { get; init; }

    /// <summary>Share of rollouts and continuations that stayed Void.</summary>
    public double VoidShare { get; init; }

    /// <summary>Rollouts and continuations that a failing tool ended and that count as Wrong (<see cref="FaultOptions.Outcome"/>).</summary>
    public int ToolFailures { get; init; }
}

/// <summary>How held-out questions are sampled.</summary>
public enum HeldOutSampling
{
    /// <summary>The paper's: temperature .7, top-p .8, top-k 20.</summary>
    Paper,

    /// <summary>Temperature 1, nothing cut.</summary>
    T1,
}

/// <summary>An evaluation: counts of each question, in the order of <see cref="CellSummary.Questions"/>.</summary>
public sealed record EvaluationSummary
{
    /// <summary>After which step; 0 is the starting policy.</summary>
    public required int Step { get; init; }

    /// <summary>How it sampled.</summary>
    public required HeldOutSampling Sampling { get; init; }

    /// <summary>Samples asked for, a question.</summary>
    public required int Samples { get; init; }

    /// <summary>Samples that are not Void [questions].</summary>
    public required int[] Live { get; init; }

    /// <summary>Correct ones of them [questions].</summary>
    public required int[] Correct { get; init; }

    /// <summary>Those with a call [questions].</summary>
    public required int[] Calls { get; init; }

    /// <summary>Correct ones with a call [questions].</summary>
    public required int[] CorrectCalls { get; init; }
}
