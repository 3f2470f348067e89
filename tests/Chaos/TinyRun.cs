namespace Axpo.Chaos.Tests;

/// <summary>A small deterministic run, for which any two executions leave the same.</summary>
internal static class TinyRun
{
    public const int Steps = 3;

    /// <summary>Many attempts: an episode that the seeded faults hit again and again still ends as it would have.</summary>
    public static readonly string[] Arguments =
    [
        "--steps", $"{Steps}", "--set", "engine.deterministic=true", "--set", "rollouts.questions=4", "--set", "rollouts.groupSize=4", "--set", "rollouts.attempts=12",
        "--set", "evaluation.every=0", "--set", "evaluation.questions=4", "--set", "evaluation.finalQuestions=4", "--set", "evaluation.samples=2", "--set", "learner.keepCheckpoints=0",
    ];
}
