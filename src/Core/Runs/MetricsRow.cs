namespace Axpo.Core;

/// <summary>
/// One row of <c>metrics.jsonl</c>: everything method.md asks to measure at a step. Held-out figures stand only in rows of evaluation steps, null between;
/// a rate without a denominator (no tool-using group, say) is null, never 0.
/// Row 0 holds the evaluation of the starting policy.
/// </summary>
[GenerateSerializer, Immutable, Alias("axpo.MetricsRow")]
public sealed record MetricsRow
{
    /// <summary>Training step, from 1; 0 before training.</summary>
    [Id(0)] public required int Step { get; init; }

    /// <summary>Batch of training rollouts; null in row 0.</summary>
    [Id(1)] public RolloutMetrics? Train { get; init; }

    /// <summary>Update; null in row 0.</summary>
    [Id(2)] public UpdateResult? Update { get; init; }

    /// <summary>Held-out, the paper's sampling; null between evaluations.</summary>
    [Id(3)] public EvaluationMetrics? Eval { get; init; }

    /// <summary>Held-out at temperature 1; null between evaluations.</summary>
    [Id(4)] public EvaluationMetrics? EvalT1 { get; init; }

    /// <summary>Seconds and work: differs between equal runs.</summary>
    [Id(5)] public TimingMetrics? Timing { get; init; }
}

/// <summary>Figures over every group rolled out in a training step, those that dynamic sampling replaced included; the batch holds the others.</summary>
[GenerateSerializer, Immutable, Alias("axpo.RolloutMetrics")]
public sealed record RolloutMetrics
{
    [Id(0)] public required int Questions { get; init; }
    [Id(1)] public required int Rollouts { get; init; }

    /// <summary>Share of the not-void rollouts that are correct.</summary>
    [Id(2)] public double? Accuracy { get; init; }

    /// <summary>Share of the not-void rollouts that emitted a call.</summary>
    [Id(3)] public double? ToolUse { get; init; }

    /// <summary>Accuracy of the rollouts with a call.</summary>
    [Id(4)] public double? AccuracyTool { get; init; }

    /// <summary>Accuracy of the rollouts without one.</summary>
    [Id(5)] public double? AccuracyNoTool { get; init; }

    /// <summary>Share of non-empty tool-using subgroups that are all wrong, before resampling.</summary>
    [Id(6)] public double? AllWrongToolBefore { get; init; }

    /// <summary>
    /// The same after resampling: a question counts as mended if any of its selected prefixes recovered, with a tool. Every continuation of a call holds one; a fresh rollout, or one that goes
    /// on before the answer, need not.
    /// </summary>
    [Id(7)] public double? AllWrongToolAfter { get; init; }

    /// <summary>Share of non-empty no-tool subgroups that are all wrong, before resampling.</summary>
    [Id(8)] public double? AllWrongNoTool { get; init; }

    /// <summary>Questions of the batch whose subgroup that the trigger looks at (tool-using unless configured otherwise) is non-empty and all wrong.</summary>
    [Id(9)] public int Triggered { get; init; }

    /// <summary>Prefixes resampled, or slots given to fresh rollouts.</summary>
    [Id(10)] public int Prefixes { get; init; }

    /// <summary>Share of the resampled prefixes with at least one correct continuation; of the slots with at least one correct fresh rollout.</summary>
    [Id(11)] public double? Recovery { get; init; }

    /// <summary>Tokens sampled in continuations and fresh rollouts.</summary>
    [Id(12)] public long ExtraTokens { get; init; }

    /// <summary>Extra tokens per recovered group.</summary>
    [Id(13)] public double? ExtraTokensPerRecovery { get; init; }

    /// <summary>Share of rollouts (continuations included) that stayed Void.</summary>
    [Id(14)] public double VoidShare { get; init; }

    /// <summary>Tokens sampled in the step, continuations included.</summary>
    [Id(15)] public long SampledTokens { get; init; }

    /// <summary>Mean entropy at the sampled tokens, nats.</summary>
    [Id(16)] public double? Entropy { get; init; }

    /// <summary>Mean turns of a rollout.</summary>
    [Id(17)] public double? Turns { get; init; }

    /// <summary>Groups that dynamic sampling replaced; 0 without it.</summary>
    [Id(18)] public int Replaced { get; init; }

    /// <summary>Groups of the batch whose live rollouts are all correct or all wrong, or that have none.</summary>
    [Id(19)] public int WithoutSpread { get; init; }

    /// <summary><see cref="AllWrongNoTool"/> after resampling: a question counts as mended if any of its selected prefixes recovered, without a tool.</summary>
    [Id(20)] public double? AllWrongNoToolAfter { get; init; }

    /// <summary>Rollouts that branched off another one of their group; 0 without branching.</summary>
    [Id(21)] public int Branches { get; init; }

    /// <summary>Rollouts and continuations that a failing tool ended and that count as Wrong all the same (<see cref="FaultOptions.Outcome"/>).</summary>
    [Id(22)] public int ToolFailures { get; init; }
}

/// <summary>Figures of a held-out evaluation.</summary>
[GenerateSerializer, Immutable, Alias("axpo.EvaluationMetrics")]
public sealed record EvaluationMetrics
{
    [Id(0)] public required int Questions { get; init; }
    [Id(1)] public required int Samples { get; init; }

    /// <summary>Mean over questions of the mean over samples.</summary>
    [Id(2)] public double? Pass1 { get; init; }

    /// <summary>Share of questions with any correct sample.</summary>
    [Id(3)] public double? PassK { get; init; }
    [Id(4)] public double? ToolUse { get; init; }
    [Id(5)] public double? AccuracyTool { get; init; }
    [Id(6)] public double? AccuracyNoTool { get; init; }
    [Id(7)] public double? AllWrongTool { get; init; }
    [Id(8)] public double? AllWrongNoTool { get; init; }
    [Id(9)] public double VoidShare { get; init; }

    /// <summary>Pass@1 by category.</summary>
    [Id(10)] public Dictionary<string, double> Pass1ByCategory { get; init; } = new(StringComparer.Ordinal);

    /// <summary>Share of questions with any correct sample, by category.</summary>
    [Id(12)] public Dictionary<string, double> PassKByCategory { get; init; } = new(StringComparer.Ordinal);

    /// <summary>Mean correctness of each question in the order of the draw (for paired comparisons) [questions]; NaN where all samples are Void.</summary>
    [Id(11)] public double[] PerQuestion { get; init; } = [];

    /// <summary>What each question came to, in the order of the draw [questions].</summary>
    [Id(13)] public QuestionResult[] Results { get; init; } = [];
}

/// <summary>What a held-out question came to: counts from which pass@k and tool use follow. Void samples are in none of them.</summary>
/// <param name="Id">The question's id.</param>
/// <param name="Suite">Its suite.</param>
/// <param name="Category">Its category.</param>
/// <param name="Samples">Samples that are not Void (n).</param>
/// <param name="Correct">Correct ones of them (c).</param>
/// <param name="Calls">Samples with at least one call.</param>
/// <param name="CorrectCalls">Correct ones of them.</param>
/// <param name="Horizon">Calls that it needs in sequence; 1 if unknown.</param>
[GenerateSerializer, Immutable, Alias("axpo.QuestionResult")]
public sealed record QuestionResult(
    [property: Id(0)] string Id,
    [property: Id(1)] string Suite,
    [property: Id(2)] string Category,
    [property: Id(3)] int Samples,
    [property: Id(4)] int Correct,
    [property: Id(5)] int Calls,
    [property: Id(6)] int CorrectCalls,
    [property: Id(7)] int Horizon = 1);

/// <summary>Where the time of a step went, seconds, and work that equal runs need not share.</summary>
[GenerateSerializer, Immutable, Alias("axpo.TimingMetrics")]
public sealed record TimingMetrics
{
    [Id(0)] public double Rollout { get; init; }
    [Id(1)] public double Resample { get; init; }
    [Id(2)] public double Update { get; init; }
    [Id(3)] public double Evaluation { get; init; }
    [Id(4)] public double Step { get; init; }

    /// <summary>Sampled tokens a second of rollout and resampling time.</summary>
    [Id(5)] public double TokensPerSecond { get; init; }

    /// <summary>Episode attempts beyond the first.</summary>
    [Id(6)] public int Retries { get; init; }

    /// <summary>Context tokens that the engines computed once more since the row before, after eviction or a change of weights; what an engine had counted when it was lost is missing.</summary>
    [Id(7)] public long RefilledTokens { get; init; }
}

/// <summary>A row of the drop ledger, one a Void attempt: nothing disappears without saying why.</summary>
/// <param name="Episode">The episode.</param>
/// <param name="Cause">Why the attempt is Void.</param>
/// <param name="Detail">One sentence on it.</param>
/// <param name="Attempts">The attempt, from 1.</param>
/// <param name="IsLast">Whether no other attempt followed: the episode stayed Void.</param>
[GenerateSerializer, Immutable, Alias("axpo.DropRecord")]
public sealed record DropRecord(
    [property: Id(0)] EpisodeId Episode,
    [property: Id(1)] VoidCause Cause,
    [property: Id(2)] string Detail,
    [property: Id(3)] int Attempts,
    [property: Id(4)] bool IsLast = true);

/// <summary>Where a run stands.</summary>
public enum RunPhase : byte
{
    /// <summary>Created.</summary>
    Created,

    /// <summary>Held-out evaluation.</summary>
    Evaluating,

    /// <summary>Rollouts of the step are under way.</summary>
    RollingOut,

    /// <summary>Continuations are under way.</summary>
    Resampling,

    /// <summary>The learner updates.</summary>
    Updating,

    /// <summary>Ended as planned.</summary>
    Done,

    /// <summary>Ended by an error; the status says which.</summary>
    Failed,

    /// <summary>Stopped by a person; may be resumed.</summary>
    Cancelled,

    /// <summary>Stopped by itself before it would have trained on ruins (<see cref="RolloutOptions.MaxVoidShare"/>); resumed, it tries the Void episodes of the step again.</summary>
    Paused,
}

/// <summary>How a run ended.</summary>
/// <param name="Phase">Done, failed, cancelled or paused.</param>
/// <param name="Message">Why; null if as planned.</param>
public sealed record RunEnd(RunPhase Phase, string? Message);

/// <summary>The files of a run that are derived from committed state.</summary>
public interface IRunLog
{
    /// <summary>Writes the row of a committed step. A row of the same step is replaced, later rows are cut.</summary>
    ValueTask WriteAsync(string run, MetricsRow row, CancellationToken cancellationToken);

    /// <summary>Rows in order.</summary>
    ValueTask<IReadOnlyList<MetricsRow>> ReadAsync(string run, CancellationToken cancellationToken);

    /// <summary>Appends to the drop ledger, durable when the task completes; an attempt at an episode is written once.</summary>
    ValueTask DropAsync(string run, DropRecord record, CancellationToken cancellationToken);

    /// <summary>Says how a run ended; null: it is under way (again).</summary>
    ValueTask EndedAsync(string run, RunEnd? end, CancellationToken cancellationToken);
}

/// <summary>Makes the parts of a run that live on one silo. Implemented in Silo over Training and Environments.</summary>
public interface IRunServices
{
    /// <summary>
    /// The engine of a run on this silo, started on first use with the run's starting model (step 0). Before anything is generated on a resumed run,
    /// the trainer publishes its committed version to it.
    /// </summary>
    ValueTask<IPolicyEngine> EngineAsync(string run, CancellationToken cancellationToken);

    /// <summary>
    /// The learner of a run on this silo, started on first use with the run's starting model (step 0). The trainer, which alone knows what is committed,
    /// calls <see cref="ILearner.LoadAsync"/> with the committed checkpoint folder where <see cref="ILearner.Step"/> differs.
    /// </summary>
    ValueTask<ILearner> LearnerAsync(string run, CancellationToken cancellationToken);

    /// <summary>The chat format of a run's policy.</summary>
    ValueTask<IChatFormat> ChatAsync(string run, CancellationToken cancellationToken);

    /// <summary>
    /// The questions of a phase and step: a pure function of the run's configuration. Index in the list = question index in keys. For <see cref="Phase.Train"/> the first B are the
    /// batch; with dynamic sampling B more for every round follow, which take the places of groups without spread.
    /// </summary>
    ValueTask<IReadOnlyList<Question>> QuestionsAsync(string run, Phase phase, int step, CancellationToken cancellationToken);

    /// <summary>The images of a question, stored with the run.</summary>
    /// <exception cref="IOException">One cannot be read or stored.</exception>
    /// <exception cref="InvalidDataException">One is no picture that can be decoded.</exception>
    ValueTask<IReadOnlyList<ImageRef>> ImagesAsync(string run, Question question, CancellationToken cancellationToken);

    /// <summary>A tool by name; null if the run has none of that name.</summary>
    ITool? Tool(string name);

    /// <summary>A verifier by name.</summary>
    /// <exception cref="KeyNotFoundException">There is none.</exception>
    IVerifier Verifier(string name);

    /// <summary>Stored configuration of a run.</summary>
    ValueTask<RunConfiguration> ConfigurationAsync(string run, CancellationToken cancellationToken);

    /// <summary>Folder where the checkpoint of a step belongs (it may not exist yet), below the run's own folder.</summary>
    string CheckpointFolder(string run, int step, long fence);

    /// <summary>Deletes the checkpoints of steps up to this one, which no engine and no resume needs any more. What cannot be deleted now is tried again with the next step.</summary>
    ValueTask RetireCheckpointsAsync(string run, int throughStep);

    /// <summary>Ends engine and learner of a run on this silo.</summary>
    ValueTask ReleaseAsync(string run);
}
