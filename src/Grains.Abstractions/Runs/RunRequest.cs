namespace Axpo.Grains.Abstractions;

/// <summary>What a run does.</summary>
public enum RunKind : byte
{
    /// <summary>Training steps, with held-out evaluation before, every E steps and after.</summary>
    Train,

    /// <summary>Held-out evaluation only (<c>axpo eval</c>): one metrics row of step 0.</summary>
    Evaluate,

    /// <summary>A batch of episodes that is stored (<c>axpo rollout</c>), phase <see cref="Phase.Rollout"/>, step 0.</summary>
    Rollout,
}

/// <summary>
/// Starts a run. The configuration is not in it: it was stored under the run's name before (see <see cref="IRunServices.ConfigurationAsync"/>), so that
/// every silo reads the same one.
/// </summary>
[GenerateSerializer, Immutable, Alias("axpo.RunRequest")]
public sealed record RunRequest
{
    /// <summary>What to do.</summary>
    [Id(0)] public RunKind Kind { get; init; } = RunKind.Train;

    /// <summary>Evaluate, Rollout: at most the first so many questions of <see cref="IRunServices.QuestionsAsync"/>; null: all of them.</summary>
    [Id(1)] public int? Questions { get; init; }

    /// <summary>Evaluate, Rollout: samples a question; null: the configuration's (<see cref="EvaluationOptions.Samples"/>, <see cref="RolloutOptions.GroupSize"/>).</summary>
    [Id(2)] public int? Samples { get; init; }

    /// <summary>Evaluate: which phases, of <see cref="Phase.Eval"/> and <see cref="Phase.EvalT1"/>.</summary>
    [Id(3)] public Phase[] Phases { get; init; } = [Phase.Eval, Phase.EvalT1];

    /// <summary>Rollout: how to sample; null: as in training.</summary>
    [Id(4)] public SamplingOptions? Sampling { get; init; }
}
