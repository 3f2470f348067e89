using System.ComponentModel.DataAnnotations;

namespace Axpo.Core;

/// <summary>Everything that defines a run: one JSON file + environment (<c>AXPO__Section__Key</c>) + <c>--set path=value</c>. Stored with the run.</summary>
[GenerateSerializer, Immutable, Alias("axpo.RunConfiguration")]
public sealed record RunConfiguration
{
    /// <summary>Seed of every random draw.</summary>
    /// <value>1</value>
    [Id(0)] public ulong Seed { get; init; } = 1;

    /// <summary>
    /// Name of the algorithm preset that the values which nobody set come from: <c>axpo presets list</c> names them. What the run does is in the values themselves.
    /// </summary>
    /// <value>axpo</value>
    [Id(1)] public string Algorithm { get; init; } = "axpo";

    /// <summary>Folder of the policy to start from (a Hugging Face folder).</summary>
    /// <value>models/axpo-tiny-gap</value>
    [Id(2)] public string Model { get; init; } = "models/axpo-tiny-gap";

    /// <summary>Training steps.</summary>
    [Id(3), Range(0, 1_000_000)] public int Steps { get; init; } = 60;

    /// <summary>Training ends before the last step, at the first one with which the run has sampled so many tokens in training, continuations included; 0 = never. Schedules still count on <c>steps</c>.</summary>
    [Id(16), Range(0, 2_000_000_000)] public int TokenBudget { get; init; }

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

    /// <summary>What the reward holds besides correctness.</summary>
    [Id(12)] public RewardOptions Rewards { get; init; } = new();

    /// <summary>Numeric conventions (deviation, denominators, clamps, corrections) of which implementation: <c>axpo</c>, <c>verl</c> or <c>trl</c>; over the algorithm's values, under those that are set.</summary>
    [Id(13)] public string Conventions { get; init; } = "axpo";

    /// <summary>How Axpo talks to a model with a chat template of its own.</summary>
    [Id(14)] public ChatOptions Chat { get; init; } = new();

    /// <summary>Rollouts of a group that branch off one another (ARPO, Tree-GRPO).</summary>
    [Id(15)] public BranchingOptions Branching { get; init; } = new();

    /// <summary>Infrastructure that fails on purpose, for drills and experiments.</summary>
    [Id(17)] public FaultOptions Faults { get; init; } = new();

    /// <summary>Chains that grow while the run trains.</summary>
    [Id(18)] public CurriculumOptions Curriculum { get; init; } = new();
}

/// <summary>What a chat template is told of thinking.</summary>
public enum Thinking
{
    /// <summary>Nothing: the model's own default, which for Qwen3 is to think.</summary>
    Template,

    /// <summary><c>enable_thinking</c> is true.</summary>
    On,

    /// <summary><c>enable_thinking</c> is false.</summary>
    Off,
}

/// <summary>How Axpo talks to a model with a chat template of its own; axpo-tiny has none.</summary>
[GenerateSerializer, Immutable, Alias("axpo.ChatOptions")]
public sealed record ChatOptions
{
    /// <summary>What the template is told of thinking: nothing, or <c>enable_thinking</c> true or false.</summary>
    [Id(0)] public Thinking Thinking { get; init; } = Thinking.Template;

    /// <summary>System message; null: Axpo's own (docs/chat.md), which asks for the answer in its tags. Where the template offers no tools, they are described before it either way.</summary>
    [Id(1)] public string? SystemPrompt { get; init; }
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

    /// <summary>What a query finds: `any` word of it, so that a slip brings plausible wrong documents; or a title with its `exact` words, so that a slip brings "no results".</summary>
    [Id(2)] public SearchMatch Match { get; init; } = SearchMatch.Any;
}

/// <summary>What a search finds.</summary>
public enum SearchMatch
{
    /// <summary>Every document that shares a word with the query, the best ones first: a query with a slip in it finds something else.</summary>
    Any,

    /// <summary>Documents whose title has the words of the query and no others, in any order: a query with a slip in it finds nothing.</summary>
    Exact,
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

    /// <summary>Shortest chain of suites with a horizon; 0 = each suite's own.</summary>
    [Id(2), Range(0, 12)] public int HorizonMin { get; init; }

    /// <summary>Longest chain of suites with a horizon; 0 = each suite's own.</summary>
    [Id(3), Range(0, 12)] public int HorizonMax { get; init; }
}

/// <summary>How rollouts are made.</summary>
[GenerateSerializer, Immutable, Alias("axpo.RolloutOptions")]
public sealed record RolloutOptions
{
    /// <summary>Questions a step (B).</summary>
    [Id(0), Range(1, 65536)] public int Questions { get; init; } = 16;

    /// <summary>Rollouts a question (N).</summary>
    [Id(1), Range(1, 1024)] public int GroupSize { get; init; } = 8;

    /// <summary>Sampling temperature in training.</summary>
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

    /// <summary>
    /// Dynamic sampling (DAPO): so many times at most a step replaces the groups without spread (all correct, all wrong, all Void) by fresh questions; 0 = off. What is
    /// left without spread after that stays in the batch.
    /// </summary>
    [Id(10), Range(0, 100)] public int DynamicSampling { get; init; }

    /// <summary>Nucleus sampling in training; 1 = off. Below 1 only with an objective that has no importance ratio.</summary>
    [Id(11), Range(0.01, 1.0)] public double TopP { get; init; } = 1;

    /// <summary>Top-k sampling in training; 0 = off. Above 0 only with an objective that has no importance ratio.</summary>
    [Id(12), Range(0, 1_000_000)] public int TopK { get; init; }

    /// <summary>Share of a training step's episodes, continuations included, that may stay Void; above it the run pauses before it trains on ruins. 1 = never.</summary>
    [Id(13), Range(0.0, 1.0)] public double MaxVoidShare { get; init; } = .5;

    /// <summary>Turn limit of a question.</summary>
    public int TurnLimit(Question question, Phase phase) =>
        Math.Max(phase is Phase.Eval or Phase.EvalT1 ? TurnsEvaluation : TurnsTraining, question.Horizon + 2);
}

/// <summary>What the reward of a rollout holds besides 1 for a correct answer and 0 for any other.</summary>
[GenerateSerializer, Immutable, Alias("axpo.RewardOptions")]
public sealed record RewardOptions
{
    /// <summary>Added where the rollout holds at least one call: a bonus above 0, a penalty below (ours).</summary>
    [Id(0), Range(-10.0, 10.0)] public double ToolTerm { get; init; }

    /// <summary>
    /// Soft overlong punishment (DAPO, arXiv:2503.14476 (13)): over the last so many tokens before <c>rollouts.maxTokens</c> the reward falls linearly by
    /// <see cref="OverlongPenalty"/>; 0 = off.
    /// </summary>
    [Id(1), Range(0, 1_000_000)] public int OverlongBuffer { get; init; }

    /// <summary>Punishment of a rollout of full length.</summary>
    [Id(2), Range(0.0, 10.0)] public double OverlongPenalty { get; init; } = 1;
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

    /// <summary>After the opening tag of the first call whose observation is an error, empty or cut off; else of the last call.</summary>
    FirstError,

    /// <summary>After the opening tag of the first call whose observation differs from the group's (docs/objectives.md); else of the last call.</summary>
    FirstDivergence,
}

/// <summary>Which questions are resampled.</summary>
public enum ResampleTrigger
{
    /// <summary>The tool-using subgroup is non-empty and all wrong (the paper's).</summary>
    ToolUsing,

    /// <summary>The no-tool subgroup is non-empty and all wrong; the prefix ends before the first answer token (ablation).</summary>
    NoTool,
}

/// <summary>What a continuation begins with.</summary>
public enum ResampleStart
{
    /// <summary>The source's prefix (the paper's).</summary>
    Prefix,

    /// <summary>The prompt: fresh rollouts of the question, which join its group (ablation).</summary>
    Fresh,
}

/// <summary>What ranks sources.</summary>
public enum ResampleRanking
{
    /// <summary>Ascending confidence (the paper's).</summary>
    Confidence,

    /// <summary>A seeded permutation, inside and between questions (ablation).</summary>
    Random,
}

/// <summary>The reward that a resampled prefix is credited with.</summary>
public enum PrefixCredit
{
    /// <summary>1 if any continuation is correct, else 0 (the paper's (3)).</summary>
    Indicator,

    /// <summary>The mean of its continuations' rewards.</summary>
    Mean,

    /// <summary>The indicator over all continuations but one, averaged over the one left out: a single success counts (K-1)/K.</summary>
    LeaveOneOut,

    /// <summary>None: the prefix keeps its source's ordinary advantage (ablation).</summary>
    Ordinary,

    /// <summary>None: the prefix carries no loss (ablation).</summary>
    None,
}

/// <summary>Which tokens of a resampled prefix carry its credit.</summary>
public enum PrefixSpan
{
    /// <summary>All that the policy sampled of it (the paper's).</summary>
    Whole,

    /// <summary>
    /// Those since the last observation: of a prefix that ends in a later call, the turn that makes the call. What came before led there and is neither praised nor blamed. At the first call the same as <see cref="Whole"/>.
    /// </summary>
    Segment,
}

/// <summary>Over which rewards the advantages of a resampled question are formed.</summary>
public enum ResampleStatistics
{
    /// <summary>Originals, each prefix and its continuations apart (the paper's).</summary>
    Separate,

    /// <summary>One mean and deviation over the originals and all live continuations of the question (ablation).</summary>
    Merged,
}

/// <summary>How the budget is spent.</summary>
public enum ResampleAllocation
{
    /// <summary>K continuations a prefix, all at once (the paper's).</summary>
    Parallel,

    /// <summary>One continuation of every open prefix at a time; a prefix closes at its first success, and what it saved goes to the next ones.</summary>
    Sequential,
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

    /// <summary>Whether anything is resampled.</summary>
    [Id(3)] public bool Enabled { get; init; } = true;

    /// <summary>Which questions are resampled.</summary>
    [Id(4)] public ResampleTrigger Trigger { get; init; } = ResampleTrigger.ToolUsing;

    /// <summary>What a continuation begins with.</summary>
    [Id(5)] public ResampleStart Start { get; init; } = ResampleStart.Prefix;

    /// <summary>What ranks sources.</summary>
    [Id(6)] public ResampleRanking Ranking { get; init; } = ResampleRanking.Confidence;

    /// <summary>The reward that a resampled prefix is credited with.</summary>
    [Id(7)] public PrefixCredit PrefixCredit { get; init; } = PrefixCredit.Indicator;

    /// <summary>Over which rewards the advantages of a resampled question are formed.</summary>
    [Id(8)] public ResampleStatistics Statistics { get; init; } = ResampleStatistics.Separate;

    /// <summary>How the budget is spent.</summary>
    [Id(9)] public ResampleAllocation Allocation { get; init; } = ResampleAllocation.Parallel;

    /// <summary>Which tokens of a resampled prefix carry its credit.</summary>
    [Id(10)] public PrefixSpan PrefixSpan { get; init; } = PrefixSpan.Whole;
}

/// <summary>How many rows and questions divide a loss when some are Void or empty.</summary>
public enum LossDenominator
{
    /// <summary>B and N as planned, whatever is Void.</summary>
    Nominal,

    /// <summary>What is left.</summary>
    Valid,
}

/// <summary>What a group of one gets.</summary>
public enum SingletonRule
{
    /// <summary>Advantage 0.</summary>
    Zero,

    /// <summary>Its reward, as if mean 0 and deviation 1 (verl's GRPO and RLOO).</summary>
    Reward,
}

/// <summary>How token losses become one number; what each divides by is in docs/objectives.md.</summary>
public enum LossAggregation
{
    /// <summary>AXPO's own: each term of method.md (6) is a mean over its own tokens, weighted by its question and group.</summary>
    TermMean,

    /// <summary>Sum over the batch's loss tokens / their number.</summary>
    TokenMean,

    /// <summary>Sum over the batch's loss tokens.</summary>
    TokenSum,

    /// <summary>Mean over rows of the mean over tokens.</summary>
    SeqMeanTokenMean,

    /// <summary>Mean over rows of the sum over tokens.</summary>
    SeqMeanTokenSum,

    /// <summary>Mean over rows of the sum over tokens / a constant length (Dr.GRPO).</summary>
    SeqMeanTokenSumNorm,
}

/// <summary>Estimators of the divergence from the reference, with x = log pi_ref - log pi (Schulman 2020).</summary>
public enum KlEstimator
{
    /// <summary>-x.</summary>
    K1,

    /// <summary>|x|.</summary>
    Abs,

    /// <summary>x^2 / 2.</summary>
    K2,

    /// <summary>exp(x) - x - 1.</summary>
    K3,
}

/// <summary>What a ratio between learner and engine is formed over.</summary>
public enum CorrectionLevel
{
    /// <summary>No correction.</summary>
    None,

    /// <summary>Each token.</summary>
    Token,

    /// <summary>The product over a sequence's loss tokens.</summary>
    Sequence,
}

/// <summary>What happens to a ratio outside its bounds.</summary>
public enum CorrectionMode
{
    /// <summary>It is cut to the bound.</summary>
    Truncate,

    /// <summary>It becomes 0.</summary>
    Mask,
}

/// <summary>Truncated importance sampling between engine and learner: token losses are weighted by pi_learner / pi_engine of the weights that generated, detached.</summary>
[GenerateSerializer, Immutable, Alias("axpo.CorrectionOptions")]
public sealed record CorrectionOptions
{
    /// <summary>What the ratio is formed over.</summary>
    [Id(0)] public CorrectionLevel Level { get; init; } = CorrectionLevel.None;

    /// <summary>What happens outside the bounds.</summary>
    [Id(1)] public CorrectionMode Mode { get; init; } = CorrectionMode.Truncate;

    /// <summary>Lower bound of the ratio; 0 = none.</summary>
    [Id(2), Range(0.0, 1.0)] public double Low { get; init; }

    /// <summary>Upper bound of the ratio.</summary>
    [Id(3), Range(1.0, 1e9)] public double High { get; init; } = 2;

    /// <summary>Whether weights are divided by their mean over the batch.</summary>
    [Id(4)] public bool Normalise { get; init; }
}

/// <summary>The statistic of learner against engine by which tokens or sequences are rejected, with d = log pi_learner - log pi_engine.</summary>
public enum RejectionStatistic
{
    /// <summary>Nothing is rejected.</summary>
    None,

    /// <summary>The ratio exp(-d), which must lie within the bounds (verl's k1).</summary>
    K1,

    /// <summary>d^2 / 2, which must not exceed the upper bound.</summary>
    K2,

    /// <summary>exp(d) - d - 1, which must not exceed the upper bound.</summary>
    K3,
}

/// <summary>Over what a rejection's statistic is formed.</summary>
public enum RejectionLevel
{
    /// <summary>Each token.</summary>
    Token,

    /// <summary>The sum over a sequence's loss tokens.</summary>
    SequenceSum,

    /// <summary>The mean over a sequence's loss tokens.</summary>
    SequenceMean,

    /// <summary>The largest of a sequence's loss tokens.</summary>
    SequenceMax,
}

/// <summary>Rejection of what learner and engine disagree on too much.</summary>
[GenerateSerializer, Immutable, Alias("axpo.RejectionOptions")]
public sealed record RejectionOptions
{
    /// <summary>The statistic.</summary>
    [Id(0)] public RejectionStatistic Statistic { get; init; } = RejectionStatistic.None;

    /// <summary>Over what it is formed.</summary>
    [Id(1)] public RejectionLevel Level { get; init; } = RejectionLevel.Token;

    /// <summary>Lower bound of k1's ratio; 0 = 1 / the upper bound.</summary>
    [Id(2), Range(0.0, 1.0)] public double Low { get; init; }

    /// <summary>Upper bound.</summary>
    [Id(3), Range(0.0, 1e9)] public double High { get; init; } = 2;

    /// <summary>Whether what is rejected leaves the denominators and the divergence too (verl), or the policy loss only (TRL).</summary>
    [Id(4)] public bool LeavesDenominators { get; init; } = true;
}

/// <summary>The objective: advantages, policy loss, divergence and how they are aggregated. Equations and sources: docs/objectives.md.</summary>
[GenerateSerializer, Immutable, Alias("axpo.ObjectiveOptions")]
public sealed record ObjectiveOptions
{
    /// <summary>Lower clip of the ratio: 1 - this.</summary>
    [Id(0), Range(0.0, 1.0)] public double ClipLow { get; init; } = .2;

    /// <summary>Upper clip of the ratio: 1 + this.</summary>
    [Id(1), Range(0.0, 1000.0)] public double ClipHigh { get; init; } = .4;

    /// <summary>Weight of the divergence from the reference (beta).</summary>
    [Id(2), Range(0.0, 1000.0)] public double KlWeight { get; init; } = 1e-3;

    /// <summary>Degrees of freedom of the deviation: 1 = sample.</summary>
    [Id(3), Range(0, 1)] public int Ddof { get; init; } = 1;

    /// <summary>Added to the deviation.</summary>
    [Id(4), Range(0.0, 1.0)] public double Epsilon { get; init; } = 1e-6;

    /// <summary>Whether weights stay 1/N and 1/B whatever is Void, or divide by what is left.</summary>
    [Id(5)] public LossDenominator Denominator { get; init; } = LossDenominator.Nominal;

    /// <summary>Advantage estimator, by name.</summary>
    [Id(6)] public string Advantage { get; init; } = "grpo";

    /// <summary>What a group of one gets.</summary>
    [Id(7)] public SingletonRule Singleton { get; init; } = SingletonRule.Zero;

    /// <summary>Discount of <c>reinforce++</c>: a token's return is the reward times this to the number of loss tokens after it.</summary>
    [Id(8), Range(0.0, 1.0)] public double Gamma { get; init; } = 1;

    /// <summary>Policy loss, by name.</summary>
    [Id(9)] public string Loss { get; init; } = "ppo";

    /// <summary>Dual clip of <c>ppo</c>: where the advantage is negative, the loss is at most -A times this, which is above 1; 0 = off.</summary>
    [Id(10), Range(0.0, 1e9)] public double DualClip { get; init; }

    /// <summary>Cap of the ratio in the unclipped term of <c>ppo</c> and <c>gspo</c> (TRL's delta); 0 = off.</summary>
    [Id(11), Range(0.0, 1e9)] public double RatioCap { get; init; }

    /// <summary>Log-ratios are clamped to [-this, this] before they are exponentiated (verl: 20); <c>gspo</c> clamps above only, at half of this; 0 = off.</summary>
    [Id(12), Range(0.0, 80.0)] public double LogRatioClamp { get; init; }

    /// <summary>Absolute cap of the weight of <c>cispo</c>, min(ratio, this), at least 1 (TRL's eps_high); 0: two-sided, clamp(ratio, 1 - clipLow, 1 + clipHigh).</summary>
    [Id(13), Range(0.0, 1e9)] public double CispoCap { get; init; }

    /// <summary>Temperature of <c>sapo</c>'s gate where the advantage is positive.</summary>
    [Id(14), Range(0.01, 100.0)] public double SapoTauPositive { get; init; } = 1;

    /// <summary>Temperature of <c>sapo</c>'s gate elsewhere.</summary>
    [Id(15), Range(0.01, 100.0)] public double SapoTauNegative { get; init; } = 1.05;

    /// <summary>Weight of the squared log-ratio in <c>dro</c>.</summary>
    [Id(16), Range(0.0, 1000.0)] public double DroBeta { get; init; } = .5;

    /// <summary>How token losses become one number.</summary>
    [Id(17)] public LossAggregation Aggregation { get; init; } = LossAggregation.TermMean;

    /// <summary>The constant length of <c>seq-mean-token-sum-norm</c>, in tokens; 0: <c>rollouts.maxTokens</c>.</summary>
    [Id(18), Range(0, 10_000_000)] public int AggregationLength { get; init; }

    /// <summary>Added to a row's number of tokens in <c>seq-mean-token-mean</c> (verl: 1e-8).</summary>
    [Id(19), Range(0.0, 1.0)] public double RowEpsilon { get; init; }

    /// <summary>Estimator of the divergence from the reference.</summary>
    [Id(20)] public KlEstimator Kl { get; init; } = KlEstimator.K3;

    /// <summary>Whether the divergence keeps its value but takes the gradient of k2 (verl's <c>+</c>).</summary>
    [Id(21)] public bool KlStraightThrough { get; init; }

    /// <summary>k3: its log-ratio is clamped to [-this, this] (verl: 20); 0 = off.</summary>
    [Id(22), Range(0.0, 80.0)] public double KlInputClamp { get; init; }

    /// <summary>k3: its value is clamped to [-this, this] (verl: 10); 0 = off.</summary>
    [Id(23), Range(0.0, 1e9)] public double KlClamp { get; init; }

    /// <summary>Whether the divergence is multiplied by the ratio, with gradient through both (TRL's <c>use_bias_correction_kl</c>).</summary>
    [Id(24)] public bool KlTimesRatio { get; init; }

    /// <summary>Weight of the entropy bonus.</summary>
    [Id(25), Range(0.0, 100.0)] public double EntropyWeight { get; init; }

    /// <summary>Whether a row with a negative advantage is dropped where the mean of log pi_engine - log pi exceeds <see cref="OffPolicyThreshold"/> (TRL's off-policy mask).</summary>
    [Id(26)] public bool OffPolicyMask { get; init; }

    /// <summary>Threshold of <see cref="OffPolicyMask"/>, nats a token.</summary>
    [Id(27), Range(-100.0, 100.0)] public double OffPolicyThreshold { get; init; } = .1;

    /// <summary>Whether rollouts that ended at the token limit carry no loss (TRL's <c>mask_truncated_completions</c>); their reward stays in the statistics.</summary>
    [Id(28)] public bool MaskTruncated { get; init; }

    /// <summary>Importance sampling between engine and learner.</summary>
    [Id(29)] public CorrectionOptions Correction { get; init; } = new();

    /// <summary>Rejection of what engine and learner disagree on.</summary>
    [Id(30)] public RejectionOptions Rejection { get; init; } = new();
}

/// <summary>Precision in which the learner computes.</summary>
public enum LearnerPrecision
{
    /// <summary>float32.</summary>
    Float32,

    /// <summary>bfloat16, over float32 weights.</summary>
    Bfloat16,

    /// <summary>bfloat16 where this machine multiplies matrices at least 1.5 times as fast in it, else float32.</summary>
    Auto,
}

/// <summary>What a learning rate does after its warm-up.</summary>
public enum RateShape
{
    /// <summary>It stays at its peak.</summary>
    Constant,

    /// <summary>It falls along half a cosine (Loshchilov and Hutter 2017, without restarts).</summary>
    Cosine,

    /// <summary>It falls along a line.</summary>
    Linear,
}

/// <summary>Optimizer and learner.</summary>
[GenerateSerializer, Immutable, Alias("axpo.LearnerOptions")]
public sealed record LearnerOptions
{
    /// <summary>Peak learning rate; <see cref="Schedule"/> says what becomes of it.</summary>
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

    /// <summary>Cores that the learner uses: workers of one thread each on the CPU in float32, otherwise threads of one operator; 0 = every core. The same bits come out for the same number.</summary>
    [Id(8), Range(0, 1024)] public int Threads { get; init; }

    /// <summary>Newest checkpoints that stay on the disk; older ones are deleted once a step is committed and published. 0: all stay.</summary>
    [Id(9), Range(0, 1_000_000)] public int KeepCheckpoints { get; init; } = 3;

    /// <summary>What the learning rate does after warm-up: it stays, or falls along a half cosine or a line until the run's last optimizer step (<c>steps</c> times minibatches).</summary>
    [Id(10)] public RateShape Schedule { get; init; } = RateShape.Constant;

    /// <summary>Optimizer steps of linear warm-up; 0 = none.</summary>
    [Id(11), Range(0, 1_000_000)] public int WarmUp { get; init; }

    /// <summary>Share of the peak at which a falling schedule ends.</summary>
    [Id(12), Range(0.0, 1.0)] public double FinalShare { get; init; }

    /// <summary>
    /// Precision of the learner's passes; weights, optimizer and checkpoints are float32 whatever it is. <c>auto</c> is bfloat16 where matrix products are at least 1.5 times as fast in it.
    /// That log-probs agree with the engine's within 1e-3 holds for float32 only.
    /// </summary>
    [Id(13)] public LearnerPrecision Precision { get; init; } = LearnerPrecision.Float32;

    /// <summary>Whether the layers are computed again in the backward pass instead of being kept: less memory, about a third more time, the same gradient.</summary>
    [Id(14)] public bool Checkpointing { get; init; }

    /// <summary>Device of the learner: <c>auto</c> (the first CUDA device, else the CPU), <c>cpu</c>, <c>cuda</c> or <c>cuda:N</c>.</summary>
    [Id(15), RegularExpression(DeviceNames.Pattern, ErrorMessage = DeviceNames.Message)] public string Device { get; init; } = "auto";

    /// <summary>A low-rank adapter is trained instead of every weight.</summary>
    [Id(16)] public LoraOptions Lora { get; init; } = new();

    /// <summary>What becomes of a vision tower's weights where everything else is trained; below an adapter they are frozen, but for what the adapter adapts of them.</summary>
    [Id(17)] public TowerTraining Tower { get; init; }
}

/// <summary>What becomes of a vision tower's weights.</summary>
public enum TowerTraining
{
    /// <summary>They are trained as all others.</summary>
    Trained,

    /// <summary>They stay.</summary>
    Frozen,
}

/// <summary>A low-rank adapter (Hu et al. 2021). The model below it is not changed, and is the reference policy; optimizer and checkpoints hold the adapter only.</summary>
[GenerateSerializer, Immutable, Alias("axpo.LoraOptions")]
public sealed record LoraOptions
{
    /// <summary>Rank of the adapter; 0 = every weight is trained.</summary>
    [Id(0), Range(0, 4096)] public int Rank { get; init; }

    /// <summary>What the adapter adds is scaled by alpha / rank.</summary>
    [Id(1), Range(1e-6, 1e6)] public double Alpha { get; init; } = 32;

    /// <summary>Projections that are adapted: <c>all-linear</c> (the decoder's), or names of q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj and, of a vision tower, qkv, attn.proj, linear_fc1, linear_fc2 with commas between them.</summary>
    [Id(2), RegularExpression("all-linear|(?:(?:q|k|v|o|gate|up|down)_proj|qkv|attn\\.proj|linear_fc1|linear_fc2)(?:, ?(?:(?:q|k|v|o|gate|up|down)_proj|qkv|attn\\.proj|linear_fc1|linear_fc2))*", ErrorMessage = "should be all-linear, or names of q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj and, of a vision tower, qkv, attn.proj, linear_fc1, linear_fc2 with commas between them")]
    public string Targets { get; init; } = "all-linear";
}

/// <summary>What becomes of KV that older weights computed.</summary>
public enum OldKv
{
    /// <summary>Sequences and their forks go on with it; fresh ones never use it.</summary>
    Keep,

    /// <summary>Sequences keep their tokens and compute them again.</summary>
    Recompute,
}

/// <summary>The engine.</summary>
[GenerateSerializer, Immutable, Alias("axpo.EngineOptions")]
public sealed record EngineOptions
{
    /// <summary>Bit-identical whatever the batch, the silo count and kills (design.md, deterministic mode), on processors of one kind.</summary>
    [Id(0)] public bool Deterministic { get; init; }

    /// <summary>Sequences decoded together by one worker.</summary>
    [Id(1), Range(1, 4096)] public int MaxBatch { get; init; } = 64;

    /// <summary>Worker threads; 0 = as many as decode fastest, measured once for a machine and a shape of model.</summary>
    [Id(2), Range(0, 256)] public int Workers { get; init; }

    /// <summary>Bytes for KV caches, in MiB.</summary>
    [Id(3), Range(1, 1_000_000)] public int KvMebibytes { get; init; } = 512;

    /// <summary>Largest context in tokens; 0 = the model's.</summary>
    [Id(4), Range(0, 1_000_000)] public int MaxContext { get; init; }

    /// <summary>Sequences that may wait; more are refused as Busy.</summary>
    [Id(5), Range(1, 1_000_000)] public int MaxQueue { get; init; } = 4096;

    /// <summary>KV of older weights when new ones come: `keep` goes on with it, `recompute` computes the tokens so far again. In deterministic mode nothing is live then, and idle sessions are recomputed.</summary>
    [Id(6)] public OldKv OldKv { get; init; }

    /// <summary>
    /// Device of the engine: <c>auto</c> (the first CUDA device, else the CPU; in deterministic mode the CPU), <c>cpu</c>, <c>cuda</c> or <c>cuda:N</c>. A CUDA device is one worker, its `kvMebibytes` are allocated at the start, and it has no deterministic mode.
    /// </summary>
    [Id(7), RegularExpression(DeviceNames.Pattern, ErrorMessage = DeviceNames.Message)] public string Device { get; init; } = "auto";

    /// <summary>Bytes for the patches of images and what the vision tower made of them, in MiB; what lies longest unused goes first and is computed again. Images that a live sequence still needs stay.</summary>
    [Id(8), Range(1, 1_000_000)] public int ImageMebibytes { get; init; } = 256;
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

    /// <summary>Tools that evaluation offers beside those of its questions, by comma: ones that the policy did not train with, for example <c>image_search</c>; null: none. One that needs images is offered where a question has some.</summary>
    [Id(5)] public string? Tools { get; init; }

    /// <summary>The names in <see cref="Tools"/>.</summary>
    public IReadOnlyList<string> ToolNames() => (Tools ?? "").Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
}
