using System.ComponentModel.DataAnnotations;
using Axpo.Core;
using Axpo.Training.Optim;

namespace Axpo.Training.Sft;

/// <summary>Settings of supervised fine-tuning; the defaults are those measured to work for axpo-tiny.</summary>
public sealed record SftOptions
{
    /// <summary>Seed of data, order and, for a fresh policy, weights.</summary>
    public ulong Seed { get; init; } = 1;

    /// <summary>Sequences a step.</summary>
    [Range(1, 65536)]
    public int BatchSize { get; init; } = 16;

    /// <summary>
    /// Whether a batch holds sequences of like length. A little faster; but then one batch is all calls and the next holds none, and, every batch weighing
    /// the same, the decision to call is learnt rarer than the traces show it. Off where that decision matters.
    /// </summary>
    public bool ByLength { get; init; } = true;

    /// <summary>Length of the cosine in steps; the run may end before it (a policy that shall keep room for RL).</summary>
    [Range(1, 10_000_000)]
    public int ScheduleSteps { get; init; } = 1600;

    /// <summary>Peak learning rate.</summary>
    [Range(0.0, 10.0)]
    public double LearningRate { get; init; } = 2e-3;

    /// <summary>The cosine ends at this share of the peak.</summary>
    [Range(0.0, 1.0)]
    public double FinalShare { get; init; } = .05;

    /// <summary>Steps of linear warm-up.</summary>
    [Range(0, 1_000_000)]
    public int WarmUp { get; init; } = 50;

    /// <summary>Weight of the tokens that the policy does not sample (prompt, observation, template); sampled ones weigh 1.</summary>
    [Range(0.0, 1.0)]
    public double OtherWeight { get; init; } = .1;

    /// <summary>Decay of the first moment.</summary>
    [Range(0.0, 1.0)]
    public double Beta1 { get; init; } = .9;

    /// <summary>Decay of the second moment.</summary>
    [Range(0.0, 1.0)]
    public double Beta2 { get; init; } = .98;

    /// <summary>Weight decay.</summary>
    [Range(0.0, 10.0)]
    public double WeightDecay { get; init; } = .01;

    /// <summary>Gradients are clipped to this global norm.</summary>
    [Range(0.0, 1e6)]
    public double GradientClip { get; init; } = 1;

    /// <summary>Validation loss every so many steps.</summary>
    [Range(1, 1_000_000)]
    public int ValidateEvery { get; init; } = 100;

    /// <summary>Validation traces.</summary>
    [Range(1, 1_000_000)]
    public int ValidationTraces { get; init; } = 128;

    /// <summary>Cores: workers of one thread each on the CPU; 0: every core. The same bits come out for the same number.</summary>
    [Range(0, 1024)]
    public int Threads { get; init; }

    /// <summary>Most tokens of one forward-backward pass; cuts only memory, never the gradient. On the CPU less where that is faster.</summary>
    [Range(64, 10_000_000)]
    public int MicroBatchTokens { get; init; } = 8192;

    /// <summary>A low-rank adapter is trained instead of every weight; rank 0: none.</summary>
    public LoraOptions Lora { get; init; } = new();

    /// <summary>Device: <c>auto</c>, <c>cpu</c>, <c>cuda</c> or <c>cuda:N</c>.</summary>
    public string Device { get; init; } = "cpu";

    /// <summary>The learning rate, by step.</summary>
    public RateSchedule Rate => new(RateShape.Cosine, LearningRate, WarmUp, ScheduleSteps, FinalShare);
}

/// <summary>Part of a curriculum: so many steps on traces of one source.</summary>
/// <param name="Name">For the progress display.</param>
/// <param name="Steps">Optimizer steps.</param>
/// <param name="Draw">A trace; a pure function of the key.</param>
public sealed record SftStage(string Name, int Steps, Func<ChanceKey, TeacherTrace> Draw);

/// <summary>Progress of supervised fine-tuning.</summary>
/// <param name="Step">Steps done.</param>
/// <param name="Steps">Steps in all.</param>
/// <param name="Stage">Name of the stage.</param>
/// <param name="Loss">Mean negative log-prob of the sampled tokens of the last step, nats.</param>
/// <param name="ValidationLoss">The same on validation traces, at the last validation; null before the first.</param>
/// <param name="Tokens">Tokens trained on.</param>
/// <param name="TokensPerSecond">Since the beginning.</param>
public sealed record SftProgress(int Step, int Steps, string Stage, double Loss, double? ValidationLoss, long Tokens, double TokensPerSecond);
