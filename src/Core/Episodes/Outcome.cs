namespace Axpo.Core;

/// <summary>How an episode ended (method.md, outcome table). Numbers are those of the objective fixtures.</summary>
public enum Outcome : byte
{
    /// <summary>The agent's mistake: no answer, a wrong answer, a limit reached; with <see cref="FaultOptions.Outcome"/> also a tool that failed.</summary>
    Wrong = 0,

    /// <summary>The verifier said yes.</summary>
    Correct = 1,

    /// <summary>Infrastructure failed: never the agent's mistake; leaves every statistic and stands in the ledger with its cause.</summary>
    Void = 2,
}

/// <summary>Why an episode is Void.</summary>
public enum VoidCause : byte
{
    /// <summary>Not void.</summary>
    None = 0,

    /// <summary>A tool could not start, or its backend failed after every retry.</summary>
    ToolUnavailable,

    /// <summary>The circuit breaker of a tool is open.</summary>
    ToolBreakerOpen,

    /// <summary>The pipeline's deadline passed, which is strictly longer than the code's own limit.</summary>
    ToolDeadline,

    /// <summary>The engine failed (out of memory, native error, refused).</summary>
    EngineFault,

    /// <summary>A store failed.</summary>
    StorageFault,

    /// <summary>A silo was lost beyond recovery.</summary>
    SiloLost,

    /// <summary>The verifier crashed.</summary>
    VerifierFault,

    /// <summary>After a crash a replayed call gave another result.</summary>
    ReplayDiverged,

    /// <summary>The episode's own deadline passed while infrastructure was working.</summary>
    EpisodeDeadline,

    /// <summary>The run was cancelled.</summary>
    Cancelled,
}

/// <summary>Why the last turn of an episode ended it.</summary>
public enum EndReason : byte
{
    /// <summary>The policy gave an answer (or ended its turn without a call).</summary>
    Answered,

    /// <summary>The limit of turns was reached.</summary>
    TurnLimit,

    /// <summary>The limit of tokens, or of context, was reached.</summary>
    TokenLimit,

    /// <summary>The episode is void.</summary>
    Void,

    /// <summary>A tool failed, and <see cref="FaultOptions.Outcome"/> has that count as a mistake.</summary>
    ToolFailed,
}
