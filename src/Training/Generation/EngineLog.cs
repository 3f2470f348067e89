using Microsoft.Extensions.Logging;

namespace Axpo.Training.Generation;

/// <summary>What the engine says.</summary>
internal static partial class EngineLog
{
    [LoggerMessage(Level = LogLevel.Information, Message = "Engine started: {Folder} on {Device}, {Workers} workers (another from more than {RowsOfAWorker} rows on), {Pages} KV pages of {PageKilobytes} KiB, context {Context}, deterministic {Deterministic}")]
    public static partial void Started(ILogger logger, string folder, string device, int workers, int rowsOfAWorker, int pages, long pageKilobytes, int context, bool deterministic);

    [LoggerMessage(Level = LogLevel.Information, Message = "Engine measured its threads: {Times}")]
    public static partial void Measured(ILogger logger, string times);

    [LoggerMessage(Level = LogLevel.Information, Message = "Engine took weights {Fence}.{Step}")]
    public static partial void Swapped(ILogger logger, long fence, int step);

    [LoggerMessage(Level = LogLevel.Error, Message = "A decode step failed for {Sequences} sequences, which end as Fault")]
    public static partial void StepFailed(ILogger logger, Exception exception, int sequences);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Out of memory: idle sessions gave their pages back, and a step prefills at most {Rows} tokens; {Sequences} sequences are tried again")]
    public static partial void OutOfMemory(ILogger logger, Exception exception, int rows, int sequences);

    [LoggerMessage(Level = LogLevel.Error, Message = "A request could not be admitted and ends as Fault")]
    public static partial void AdmissionFailed(ILogger logger, Exception exception);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The engine started anew, with weights {Fence}.{Step} read again: {Reason}")]
    public static partial void Rebuilt(ILogger logger, long fence, int step, string reason);

    [LoggerMessage(Level = LogLevel.Critical, Message = "The engine is unhealthy and answers Fault from now on: {Reason}")]
    public static partial void Unhealthy(ILogger logger, string reason);
}
