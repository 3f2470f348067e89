using System.ComponentModel.DataAnnotations;

namespace Axpo.Core;

/// <summary>Everything that defines a run: one JSON file + environment (<c>AXPO__Section__Key</c>) + <c>--set path=value</c>. Stored with the run.</summary>
[GenerateSerializer, Immutable, Alias("axpo.RunConfiguration")]
public sealed record RunConfiguration
{
    /// <summary>Seed of every random draw.</summary>
    /// <value>1</value>
    [Id(0)] public ulong Seed { get; init; } = 1;

    /// <summary>Name of the algorithm preset: <c>axpo</c> or <c>grpo</c>.</summary>
    /// <value>axpo</value>
    [Id(1)] public string Algorithm { get; init; } = "axpo";

    /// <summary>Folder of the policy to start from (a Hugging Face folder).</summary>
    /// <value>models/axpo-tiny-gap</value>
    [Id(2)] public string Model { get; init; } = "models/axpo-tiny-gap";

    /// <summary>Training steps.</summary>
    [Id(3), Range(0, 1_000_000)] public int Steps { get; init; } = 60;

    /// <summary>What is asked.</summary>
    [Id(4)] public TaskOptions Tasks { get; init; } = new();

    /// <summary>How rollouts are made.</summary>
    [Id(5)] public RolloutOptions Rollouts { get; init; } = new();

    /// <summary>Tool-call resampling (AXPO); ignored by algorithms without it.</summary>
    [Id(6)] public ResampleOptions Resample { get; init; } = new();

    /// <summary>The objective.</summary>
    [Id(7)] public ObjectiveOptions Objective { get; init; } = new();

    /// <summary>The optimizer and the learner.</summary>
    [Id(8)] public LearnerOptions Learner { get; init; } = new();

    /// <summary>The engine.</summary>
    [Id(9)] public EngineOptions Engine { get; init; } = new();

    /// <summary>Held-out evaluation.</summary>
    [Id(10)] public EvaluationOptions Evaluation { get; init; } = new();

    /// <summary>The tools.</summary>
    [Id(11)] public ToolsOptions Tools { get; init; } = new();
}

/// <summary>The shipped tools.</summary>
[GenerateSerializer, Immutable, Alias("axpo.ToolsOptions")]
public sealed record ToolsOptions
{
    /// <summary><c>python</c>.</summary>
    [Id(0)] public PythonOptions Python { get; init; } = new();

    /// <summary><c>web_search</c>.</summary>
    [Id(1)] public SearchOptions WebSearch { get; init; } = new();
}

/// <summary>The tool <c>python</c>.</summary>
[GenerateSerializer, Immutable, Alias("axpo.PythonOptions")]
public sealed record PythonOptions
{
    /// <summary>Sandbox: <c>auto</c>, <c>bubblewrap</c> or <c>util-linux</c>.</summary>
    [Id(0), RegularExpression("auto|bubblewrap|util-linux", ErrorMessage = "must be auto, bubblewrap or util-linux")] public string Sandbox { get; init; } = "auto";

    /// <summary>Seconds that the policy's code may take; more is the policy's error.</summary>
    [Id(1), Range(1, 3600)] public int TimeoutSeconds { get; init; } = 12;

    /// <summary>Address space of a session, in MiB.</summary>
    [Id(2), Range(64, 1_000_000)] public int MemoryMebibytes { get; init; } = 512;

    /// <summary>Bytes of output of a call that come back.</summary>
    [Id(3), Range(16, 60_000)] public int OutputBytes { get; init; } = 2000;

    /// <summary>Its pipeline.</summary>
    [Id(4)] public PipelineOptions Pipeline { get; init; } = new();
}

/// <summary>The tool <c>web_search</c>.</summary>
[GenerateSerializer, Immutable, Alias("axpo.SearchOptions")]
public sealed record SearchOptions
{
    /// <summary>Results when the policy does not ask for a number.</summary>
    [Id(0), Range(1, 20)] public int Results { get; init; } = 2;

    /// <summary>Its pipeline.</summary>
    [Id(1)] public PipelineOptions Pipeline { get; init; } = new() { DeadlineSeconds = 15 };
}

/// <summary>Resilience of a tool's calls on one silo.</summary>
[GenerateSerializer, Immutable, Alias("axpo.PipelineOptions")]
public sealed record PipelineOptions
{
    /// <summary>Seconds until a call is given up as Void; strictly longer than the tool's own limit.</summary>
    [Id(0), Range(0.001, 3600)] public double DeadlineSeconds { get; init; } = 30;

    /// <summary>Further tries after a transient fault.</summary>
    [Id(1), Range(0, 100)] public int Retries { get; init; } = 2;

    /// <summary>Calls that may run at once; more wait.</summary>
    [Id(2), Range(1, 100_000)] public int Concurrency { get; init; } = 64;

    /// <summary>Share of failed calls that opens the breaker.</summary>
    [Id(3), Range(0.01, 1.0)] public double BreakerFailureRatio { get; init; } = .5;
}

/// <summary>Which questions.</summary>
[GenerateSerializer, Immutable, Alias("axpo.TaskOptions")]
public sealed record TaskOptions
{
    /// <summary>Suites by name with their share of each batch; shares are relative.</summary>
    /// <value>mental-arithmetic: 1</value>
    [Id(0)] public Dictionary<string, double> Suites { get; init; } = new(StringComparer.Ordinal) { ["mental-arithmetic"] = 1 };

    /// <summary>A JSONL file of questions instead of suites (format: docs/questions.md); null: suites.</summary>
    [Id(1)] public string? Questions { get; init; }

    /// <summary>Shortest chain of suites with a horizon.</summary>
    [Id(2), Range(1, 8)] public int HorizonMin { get; init; } = 2;

    /// <summary>Longest chain of suites with a horizon.</summary>
    [Id(3), Range(1, 8)] public int HorizonMax { get; init; } = 4;
}

/// <summary>How rollouts are made.</summary>
[GenerateSerializer, Immutable, Alias("axpo.RolloutOptions")]
public sealed record RolloutOptions
{
    /// <summary>Questions a step (B).</summary>
    [Id(0), Range(1, 65536)] public int Questions { get; init; } = 16;

    /// <summary>Rollouts a question (N).</summary>
    [Id(1), Range(1, 1024)] public int GroupSize { get; init; } = 8;

    /// <summary>Sampling temperature in training; top-p and top-k are refused there.</summary>
    [Id(2), Range(0.01, 10)] public double Temperature { get; init; } = 1.0;

    /// <summary>Most tokens that one turn may sample.</summary>
    [Id(3), Range(1, 1_000_000)] public int MaxTurnTokens { get; init; } = 64;

    /// <summary>Most tokens of a whole episode, prompt and observations included.</summary>
    [Id(4), Range(16, 1_000_000)] public int MaxTokens { get; init; } = 512;

    /// <summary>Turn limit in training is max(this, horizon + 2).</summary>
    [Id(5), Range(1, 1000)] public int TurnsTraining { get; init; } = 3;

    /// <summary>Turn limit in evaluation is max(this, horizon + 2).</summary>
    [Id(6), Range(1, 1000)] public int TurnsEvaluation { get; init; } = 5;

    /// <summary>Attempts at an episode that ends Void, the first one included.</summary>
    [Id(7), Range(1, 100)] public int Attempts { get; init; } = 3;

    /// <summary>Seconds until an episode is given up as Void.</summary>
    [Id(8), Range(1, 86400)] public int DeadlineSeconds { get; init; } = 300;

    /// <summary>Episodes that may be live at once in the run.</summary>
    [Id(9), Range(1, 1_000_000)] public int MaxLive { get; init; } = 256;

    /// <summary>Turn limit of a question.</summary>
    public int TurnLimit(Question question, Phase phase) =>
        Math.Max(phase is Phase.Eval or Phase.EvalT1 ? TurnsEvaluation : TurnsTraining, question.Horizon + 2);
}

/// <summary>Where a prefix ends.</summary>
public enum Boundary
{
    /// <summary>After the opening tag of the first call (the paper's).</summary>
    First,

    /// <summary>After the opening tag of the least confident call.</summary>
    LeastConfident,

    /// <summary>After the opening tag of the last call.</summary>
    LastBeforeFailure,
}

/// <summary>Tool-call resampling, method.md.</summary>
[GenerateSerializer, Immutable, Alias("axpo.ResampleOptions")]
public sealed record ResampleOptions
{
    /// <summary>Continuations a prefix (K).</summary>
    [Id(0), Range(1, 1024)] public int K { get; init; } = 4;

    /// <summary>Extra continuations a step as a share of B*N (r).</summary>
    [Id(1), Range(0.0, 10.0)] public double BudgetRatio { get; init; } = .25;

    /// <summary>Where a prefix ends.</summary>
    [Id(2)] public Boundary Boundary { get; init; } = Boundary.First;
}

/// <summary>The objective, method.md (6).</summary>
[GenerateSerializer, Immutable, Alias("axpo.ObjectiveOptions")]
public sealed record ObjectiveOptions
{
    /// <summary>Lower clip of the ratio: 1 - this.</summary>
    [Id(0), Range(0.0, 1.0)] public double ClipLow { get; init; } = .2;

    /// <summary>Upper clip of the ratio: 1 + this.</summary>
    [Id(1), Range(0.0, 1000.0)] public double ClipHigh { get; init; } = .4;

    /// <summary>Weight of the k3 divergence from the reference (beta).</summary>
    [Id(2), Range(0.0, 1000.0)] public double KlWeight { get; init; } = 1e-3;

    /// <summary>Degrees of freedom of the deviation: 1 = sample.</summary>
    [Id(3), Range(0, 1)] public int Ddof { get; init; } = 1;

    /// <summary>Added to the deviation.</summary>
    [Id(4), Range(0.0, 1.0)] public double Epsilon { get; init; } = 1e-6;

    /// <summary><c>nominal</c>: weights stay 1/N and 1/B whatever is Void; <c>valid</c>: they divide by what is left.</summary>
    [Id(5)] public string Denominator { get; init; } = "nominal";
}

/// <summary>Optimizer and learner.</summary>
[GenerateSerializer, Immutable, Alias("axpo.LearnerOptions")]
public sealed record LearnerOptions
{
    /// <summary>Constant learning rate.</summary>
    [Id(0), Range(0.0, 10.0)] public double LearningRate { get; init; } = 1e-4;

    [Id(1), Range(0.0, 1.0)] public double Beta1 { get; init; } = .9;
    [Id(2), Range(0.0, 1.0)] public double Beta2 { get; init; } = .99;
    [Id(3), Range(0.0, 1.0)] public double AdamEpsilon { get; init; } = 1e-8;
    [Id(4), Range(0.0, 10.0)] public double WeightDecay { get; init; }

    /// <summary>Gradients are clipped to this global norm; 0 = off.</summary>
    [Id(5), Range(0.0, 1e6)] public double GradientClip { get; init; } = 1;

    /// <summary>Optimizer steps a batch, cut by question.</summary>
    [Id(6), Range(1, 1024)] public int Minibatches { get; init; } = 2;

    /// <summary>Most tokens of one forward-backward pass; cuts only memory, never the gradient.</summary>
    [Id(7), Range(64, 10_000_000)] public int MicroBatchTokens { get; init; } = 8192;

    /// <summary>Intra-op threads of the learner; 0 = every core.</summary>
    [Id(8), Range(0, 1024)] public int Threads { get; init; }

    /// <summary>Newest checkpoints that stay on the disk; older ones are deleted once a step is committed and published. 0: all stay.</summary>
    [Id(9), Range(0, 1_000_000)] public int KeepCheckpoints { get; init; } = 3;
}

/// <summary>The engine.</summary>
[GenerateSerializer, Immutable, Alias("axpo.EngineOptions")]
public sealed record EngineOptions
{
    /// <summary>Bit-identical whatever the batch, the silo count and kills (design.md, deterministic mode).</summary>
    [Id(0)] public bool Deterministic { get; init; }

    /// <summary>Sequences decoded together by one worker.</summary>
    [Id(1), Range(1, 4096)] public int MaxBatch { get; init; } = 64;

    /// <summary>Worker threads; 0 = chosen by the engine.</summary>
    [Id(2), Range(0, 256)] public int Workers { get; init; }

    /// <summary>Bytes for KV caches, in MiB.</summary>
    [Id(3), Range(1, 1_000_000)] public int KvMebibytes { get; init; } = 512;

    /// <summary>Largest context in tokens; 0 = the model's.</summary>
    [Id(4), Range(0, 1_000_000)] public int MaxContext { get; init; }

    /// <summary>Sequences that may wait; more are refused as Busy.</summary>
    [Id(5), Range(1, 1_000_000)] public int MaxQueue { get; init; } = 4096;
}

/// <summary>Held-out evaluation.</summary>
[GenerateSerializer, Immutable, Alias("axpo.EvaluationOptions")]
public sealed record EvaluationOptions
{
    /// <summary>Every so many steps; 0 = only before and after.</summary>
    [Id(0), Range(0, 1_000_000)] public int Every { get; init; } = 10;

    /// <summary>Held-out questions of a periodic evaluation.</summary>
    [Id(1), Range(1, 1_000_000)] public int Questions { get; init; } = 40;

    /// <summary>Held-out questions of the evaluation before and after.</summary>
    [Id(2), Range(1, 1_000_000)] public int FinalQuestions { get; init; } = 200;

    /// <summary>Samples a question.</summary>
    [Id(3), Range(1, 1024)] public int Samples { get; init; } = 4;

    /// <summary>Which part of the suites.</summary>
    [Id(4)] public Split Split { get; init; } = Split.Test;
}
