namespace Axpo.Grains.Runs;

/// <summary>What a run keeps.</summary>
[GenerateSerializer, Alias("axpo.RunState")]
internal sealed class RunState
{
    /// <summary>What was asked; null: never started.</summary>
    [Id(0)] public RunRequest? Request { get; set; }

    /// <summary>Configuration as it was at the start.</summary>
    [Id(1)] public RunConfiguration? Configuration { get; set; }

    /// <summary>Phase.</summary>
    [Id(2)] public RunPhase Phase { get; set; } = RunPhase.Created;

    /// <summary>Committed step.</summary>
    [Id(3)] public int Step { get; set; }

    /// <summary>Committed weights; null: the model's own.</summary>
    [Id(4)] public WeightsVersion? Weights { get; set; }

    /// <summary>Plan of the step under way; null while its rollouts are under way.</summary>
    [Id(5)] public ResamplePlan? Plan { get; set; }

    /// <summary>Episodes of the step under way that stayed void.</summary>
    [Id(6)] public List<DropRecord> Ledger { get; set; } = [];

    /// <summary>Episodes that stayed void in all.</summary>
    [Id(7)] public int Dropped { get; set; }

    /// <summary>Row of the committed step that still lacks its evaluation, or has not been written to the log.</summary>
    [Id(8)] public MetricsRow? Pending { get; set; }

    /// <summary>Newest written row.</summary>
    [Id(9)] public MetricsRow? Newest { get; set; }

    /// <summary>Newest written row with an evaluation.</summary>
    [Id(10)] public MetricsRow? NewestEvaluation { get; set; }

    /// <summary>Why it failed, was cancelled or has paused.</summary>
    [Id(11)] public string? Message { get; set; }

    /// <summary>Void outcomes of the step under way that an attempt below this came to are tried again; above 1 after a pause.</summary>
    [Id(12)] public int FirstAttempt { get; set; } = 1;

    /// <summary>Tokens sampled in the committed steps, continuations included.</summary>
    [Id(13)] public long SampledTokens { get; set; }
}
