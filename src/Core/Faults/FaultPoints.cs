namespace Axpo.Core;

/// <summary>
/// Named places before and after every write of a step, where tests end, freeze or fail a process. Compiled in and inert: without a handler a point is one null check. A silo arms
/// them from the environment, for tests only.
/// </summary>
public static class FaultPoints
{
    public const string BeforeTurnStored = "before-turn-stored";
    public const string AfterTurnStored = "after-turn-stored";
    public const string BeforeResultStored = "before-result-stored";
    public const string AfterResultStored = "after-result-stored";
    public const string BeforeRolloutStored = "before-rollout-stored";
    public const string AfterRolloutStored = "after-rollout-stored";

    /// <summary>Every rollout of a group is stored, the group has not answered.</summary>
    public const string BeforeGroupResult = "before-group-result";

    /// <summary>The run has the group's answer.</summary>
    public const string AfterGroupResult = "after-group-result";
    public const string BeforePlanStored = "before-plan-stored";
    public const string AfterPlanStored = "after-plan-stored";
    public const string BeforeBatchRead = "before-batch-read";
    public const string AfterBatchRead = "after-batch-read";

    /// <summary>The checkpoint is written aside.</summary>
    public const string BeforeCheckpointRenamed = "before-checkpoint-renamed";

    /// <summary>The checkpoint is in place, not committed.</summary>
    public const string AfterCheckpointRenamed = "after-checkpoint-renamed";
    public const string BeforeTrainerCommit = "before-trainer-commit";
    public const string AfterTrainerCommit = "after-trainer-commit";
    public const string BeforePublish = "before-publish";
    public const string AfterPublish = "after-publish";
    public const string BeforeRunCommit = "before-run-commit";
    public const string AfterRunCommit = "after-run-commit";
    public const string BeforeTurnsForgotten = "before-turns-forgotten";
    public const string AfterTurnsForgotten = "after-turns-forgotten";
    public const string BeforeCheckpointsRetired = "before-checkpoints-retired";
    public const string AfterCheckpointsRetired = "after-checkpoints-retired";
    public const string BeforeMetricsWritten = "before-metrics-written";
    public const string AfterMetricsWritten = "after-metrics-written";

    private static Action<string>? s_handler;

    /// <summary>Every point, in the order of a step.</summary>
    public static IReadOnlyList<string> All { get; } =
    [
        BeforeTurnStored, AfterTurnStored, BeforeResultStored, AfterResultStored, BeforeRolloutStored, AfterRolloutStored, BeforeGroupResult, AfterGroupResult,
        BeforePlanStored, AfterPlanStored, BeforeBatchRead, AfterBatchRead, BeforeCheckpointRenamed, AfterCheckpointRenamed, BeforeTrainerCommit, AfterTrainerCommit,
        BeforePublish, AfterPublish, BeforeRunCommit, AfterRunCommit, BeforeTurnsForgotten, AfterTurnsForgotten, BeforeCheckpointsRetired, AfterCheckpointsRetired,
        BeforeMetricsWritten, AfterMetricsWritten,
    ];

    /// <summary>A point is reached.</summary>
    /// <exception cref="IOException">The armed fault is one that throws.</exception>
    public static void Reach(string name) => s_handler?.Invoke(name);

    /// <summary>Has every point reached call this; null: nothing. Called from any thread.</summary>
    public static void Arm(Action<string>? handler) => Volatile.Write(ref s_handler, handler);
}
